from dataclasses import replace

import numpy as np
import pytest

from medxpert.evaluation.reports.baselines import NEAREST, NEAREST_START, NORMAL, ORACLE, RANDOM, baseline_texts
from medxpert.evaluation.reports.reading import said_by, truth_of
from medxpert.evaluation.source import open_split
from medxpert.evaluation.subject import Placed, Vectors
from medxpert.metrics.agreement import NAMES, agreement
from medxpert.ontology import NO_FINDING, OBSERVATIONS


@pytest.fixture
def subject(make_run):
    return open_split(make_run(), "test", "untrained")


def test_copies_the_report_of_the_nearest_training_image(subject):
    wanted = np.arange(len(subject.cases))[::-1]
    train = subject.train.vectors["adapted"]
    placed = {
        "adapted": Vectors(train.image[wanted], train.text[: len(wanted)]),
        "untrained": subject.vectors["untrained"],
    }
    texts = baseline_texts(replace(subject, vectors=placed), truth_of(subject.cases))
    assert list(texts[NEAREST]) == [subject.train.cases.texts[row] for row in wanted]
    assert list(texts[NEAREST_START]) != list(texts[NEAREST])


def test_random_reports_are_training_reports_and_the_seed_decides(subject):
    truth = truth_of(subject.cases)
    one, same, other = (baseline_texts(subject, truth, seed)[RANDOM] for seed in (1, 1, 2))
    assert list(one) == list(same) != list(other)
    assert set(one) <= set(subject.train.cases.texts)


def test_without_training_studies_there_is_nothing_to_copy(subject):
    texts = baseline_texts(replace(subject, train=None), truth_of(subject.cases))
    assert set(texts) == {NORMAL, ORACLE}
    unplaced = Placed(subject.train.cases, {"adapted": subject.train.vectors["adapted"]})
    assert NEAREST_START not in baseline_texts(replace(subject, train=unplaced), truth_of(subject.cases))


def test_the_normal_report_denies_every_pathology(subject):
    said = said_by([baseline_texts(subject, truth_of(subject.cases))[NORMAL][0]])
    expected = [1 if name == NO_FINDING else 0 for name in OBSERVATIONS]
    assert said.labels[0].tolist() == expected


def test_the_oracle_is_right_about_everything_it_says(subject):
    truth = truth_of(subject.cases)
    said = said_by(baseline_texts(subject, truth)[ORACLE])
    count = len(subject.cases)
    found = dict(zip(NAMES, agreement(said, truth, np.arange(count))(np.ones((1, count)))[0], strict=True))
    assert (found["f1"], found["false"], found["omitted"], found["unasserted"]) == (1, 0, 0, 0)
    assert (found["side"], found["severity"]) == (1, 1)
