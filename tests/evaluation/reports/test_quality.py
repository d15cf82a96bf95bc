import json
from dataclasses import replace

import numpy as np
import pytest

from medxpert.evaluation.reports.baselines import NEAREST, NORMAL, ORACLE, baseline_texts
from medxpert.evaluation.reports.quality import GAIN, overlap, report_quality
from medxpert.evaluation.reports.reading import truth_of
from medxpert.evaluation.reports.written import OURS, UNCHECKED, Drafts, Outsiders
from medxpert.evaluation.source import open_split
from medxpert.ontology import NO_FINDING, OBSERVATIONS


@pytest.fixture
def subject(make_run):
    return open_split(make_run(), "test", "untrained")


def drafts_of(subject, right=None, probabilities=None):
    """Return drafts that are right in the rows where `right` is true, and normal elsewhere."""
    truth = truth_of(subject.cases)
    texts = baseline_texts(subject, truth)
    right = np.ones(len(subject.cases), bool) if right is None else right
    chosen = [texts[ORACLE if good else NORMAL][row] for row, good in enumerate(right)]
    sure = (truth.labels == 1) * 0.9 + 0.05 if probabilities is None else probabilities
    worse = [f"{text} There is a large left pneumothorax." for text in chosen]
    return Drafts(chosen, worse, worse, chosen, sure, 2)


def test_a_perfect_assistant_is_perfect_and_its_unchecked_reports_are_not(subject):
    part = report_quality(subject, drafts_of(subject))
    found = part.figures["agreement"]
    assert part.place == ("reports", "test")
    assert found[OURS]["f1"]["value"] == found[ORACLE]["f1"]["value"] == 1
    assert found[OURS]["false"]["value"] == found[OURS]["omitted"]["value"] == 0
    assert found[UNCHECKED]["false"]["value"] > 0.2
    assert found[GAIN.format(NEAREST)]["f1"]["value"] == pytest.approx(1 - found[NEAREST]["f1"]["value"])
    assert found[GAIN.format(NEAREST)]["f1"]["low"] > 0
    assert part.figures["fallbacks"] == 2


def test_figures_are_json_without_nan_and_tables_fit_their_columns(subject):
    outsiders = Outsiders({"noise": np.array([2.0, 3])}, frozenset(), np.linspace(0, 1, len(subject.cases)), 0.97)
    part = report_quality(subject, drafts_of(subject), outsiders)
    json.dumps(part.figures, allow_nan=False)
    assert all(len(row.cells) == len(block.columns) for block in part.blocks for row in block.rows)
    assert len({block.title for block in part.blocks}) == len(part.blocks)
    assert all(any(row.kind == "main" for row in block.rows) for block in part.blocks[:3])


def test_observations_are_counted_apart(subject):
    found = report_quality(subject, drafts_of(subject)).figures["observations"]
    truth = truth_of(subject.cases)
    assert set(found) == set(OBSERVATIONS)
    for place, name in enumerate(OBSERVATIONS):
        positive = int((truth.labels[:, place] == 1).sum())
        assert found[name]["positive"] == positive
        assert found[name]["sensitivity"] == (1 if positive else None)
        assert 0 < found[name]["ece"] < 0.0501


def test_probabilities_that_say_nothing_have_no_figures(subject):
    nothing = np.full((len(subject.cases), 14), np.nan)
    found = report_quality(subject, drafts_of(subject, probabilities=nothing)).figures
    assert found["probabilities"] == {"ece": {}, "brier_skill": {}, "brier_skill_pooled": {}}
    assert found["observations"]["Edema"]["ece"] is None


def test_families_of_outsiders_by_hand(subject):
    inside = np.arange(len(subject.cases), dtype=float)
    outsiders = Outsiders(
        {"far": np.array([100.0, 200]), "near": np.array([-1.0, 100])}, frozenset({"far"}), inside, inside[-3]
    )
    found = report_quality(subject, drafts_of(subject), outsiders).figures["abstention"]
    assert found["inside_refused"] == pytest.approx(2 / len(inside))
    assert found["families"]["far"] == {"auroc": 1.0, "refused": 1.0, "fitted": True, "pictures": 2}
    assert found["families"]["near"] == {"auroc": 0.5, "refused": 0.5, "fitted": False, "pictures": 2}


def test_without_outsiders_nothing_is_told_of_them(subject):
    part = report_quality(subject, drafts_of(subject))
    assert part.figures["abstention"] == {}
    assert not [block for block in part.blocks if "abstention" in block.title]


def test_examples_are_abnormal_the_best_right_and_the_worst_wrong(subject):
    truth = truth_of(subject.cases)
    abnormal = np.flatnonzero(truth.labels[:, OBSERVATIONS.index(NO_FINDING)] != 1)
    right = np.ones(len(subject.cases), bool)
    right[abnormal[:3]] = False
    found = report_quality(subject, drafts_of(subject, right)).figures["examples"]
    ids = subject.cases.study_ids
    assert {one["study"] for one in found["worst"]} == {ids[row] for row in abnormal[:3]}
    assert {one["study"] for one in found["best"]} <= {ids[row] for row in abnormal[3:]}
    assert len(found["best"]) == 3


def test_risk_falls_where_confidence_is_earned(subject):
    right = np.arange(len(subject.cases)) % 3 > 0
    truth = truth_of(subject.cases)
    abnormal = truth.labels[:, OBSERVATIONS.index(NO_FINDING)] != 1
    unsure = np.where((right | ~abnormal)[:, None], 0.99, 0.6) * np.ones((1, 14))
    found = report_quality(subject, drafts_of(subject, right, unsure)).figures["risk_coverage"]
    assert found["risk_at"]["25%"] == 0
    assert found["risk_at"]["100%"] > 0
    assert 0 < found["area"] < found["risk_at"]["100%"]


def test_works_without_training_studies(subject):
    part = report_quality(replace(subject, train=None), drafts_of(subject))
    assert GAIN.format(NEAREST) not in part.figures["agreement"]
    assert part.figures["agreement"][OURS]["f1"]["value"] == 1


def test_the_seed_decides_the_intervals(subject):
    drafts = drafts_of(subject, np.arange(len(subject.cases)) % 2 > 0)
    one, same, other = (report_quality(subject, drafts, seed=seed).figures["agreement"][OURS] for seed in (1, 1, 2))
    assert one == same != other


def test_overlap_is_whole_for_a_copy_and_none_for_other_words():
    own = ["small left pleural effusion is seen", "no acute abnormality in the chest"]
    assert overlap(own, own) == {"bleu4": pytest.approx(1), "rouge_l": 1}
    assert overlap(["x y z w v", "a b c d e"], own) == {"bleu4": 0, "rouge_l": 0}
    assert overlap(["effusion left", "chest"], own)["rouge_l"] == pytest.approx((2 / 8 + 2 / 7) / 2)
