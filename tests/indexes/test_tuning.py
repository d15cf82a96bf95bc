"""The effort of an approximate index is chosen by some questions and measured by others."""

import numpy as np
import pytest

from medxpert.indexes.tuning import Effort, Recall, Truth, least_effort, questions
from medxpert.words import Neighbours


def sure(mean):
    return Recall(mean, mean)


def test_what_measures_does_not_choose():
    asked = []

    def checking(effort):
        asked.append(effort)
        return sure(0.5)

    found = least_effort(lambda effort: sure(min(1, 0.8 + 0.05 * effort)), checking, most=64, target=0.95)
    assert found == Effort(3, 0.5, True)
    assert asked == [3]


def test_a_mean_that_may_be_luck_is_not_enough():
    found = least_effort(lambda effort: Recall(1.0, 0.9 + 0.01 * effort), lambda effort: sure(1.0), 64, 0.955)
    assert found.effort == 6


def test_where_all_effort_misses_the_target_as_little_as_does_as_well_is_taken():
    found = least_effort(lambda effort: sure(min(0.9, 0.5 + 0.1 * effort)), lambda effort: sure(0.85), 64, 0.95)
    assert found == Effort(4, 0.85, False)


@pytest.fixture
def rows():
    return np.eye(8, dtype=np.float32) + np.linspace(0, 0.1, 64, dtype=np.float32).reshape(8, 8)


def test_recall_is_that_of_the_worst_kind(rows):
    asked = questions(rows[:4], np.full(4, -1), np.array([0, 1, 0, 1]))
    truth = Truth(rows, asked, 2)
    best = np.argsort(-rows[:4] @ rows.T, axis=1)[:, :3]
    found = best.copy()
    found[1, :3] = -1  # one question of kind 1 finds nothing
    assert truth.recall(Neighbours(np.zeros((4, 3), np.float32), best), 2) == (1, 1)
    measured = truth.recall(Neighbours(np.zeros((4, 3), np.float32), found), 2)
    assert measured.mean == 0.5
    assert measured.surely == pytest.approx(0.5 - 1.645 * 0.5 / 2**0.5)


def test_halves_share_no_question_and_keep_pairs_together(rows):
    asked = questions(rows, np.arange(4).repeat(2), np.tile([0, 1], 4))
    first, second = asked.halves()
    assert not set(first.own) & set(second.own)
    assert first.kinds.tolist() == second.kinds.tolist() == [0, 1, 0, 1]
    np.testing.assert_array_equal(np.concatenate([first.queries, second.queries]), rows)


def test_tells_whether_what_asked_is_indexed(rows):
    assert questions(rows, np.full(8, -1)).told == "studies that are not indexed"
    assert "indexed studies, each without itself" in questions(rows, np.arange(8)).told
