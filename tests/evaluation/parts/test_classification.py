import numpy as np
import pytest

from medxpert.evaluation.parts.classification import area_blocks, measure_areas
from medxpert.metrics.areas import auprc, auroc
from medxpert.ontology import NO_FINDING, OBSERVATIONS

NUM = 200
PATIENTS = [f"p{number // 2}" for number in range(NUM)]


@pytest.fixture
def labels():
    generator = np.random.default_rng(1)
    labels = (generator.random((NUM, len(OBSERVATIONS))) < 0.3).astype(np.int8)
    labels[:, 4] = 0
    labels[:19, 4] = 1
    labels[:20, 5] = -1
    return labels


@pytest.fixture
def scores(labels):
    noise = np.random.default_rng(2).standard_normal((2, *labels.shape))
    return {"before": noise[0], "after": noise[1] + labels}


def test_values_are_those_of_the_metrics(labels, scores):
    figures = measure_areas(scores, labels, PATIENTS, ("before", "after"))
    for name, metric in (("auroc", auroc), ("auprc", auprc)):
        expected = dict(zip(OBSERVATIONS, metric(scores["after"], labels), strict=True))
        found = {key: cell["value"] for key, cell in figures["after"][name].items() if key != "mean"}
        assert found == pytest.approx({key: value for key, value in expected.items() if np.isfinite(value)})
        averaged = [value for key, value in found.items() if key != NO_FINDING]
        assert figures["after"][name]["mean"]["value"] == pytest.approx(np.mean(averaged))


def test_difference_is_paired(labels, scores):
    figures = measure_areas(scores, labels, PATIENTS, ("before", "after"))
    gain = figures["difference"]["auroc"]["Edema"]
    after, before = (figures[name]["auroc"]["Edema"] for name in ("after", "before"))
    assert gain["value"] == pytest.approx(after["value"] - before["value"])
    assert 0 < gain["low"] < gain["value"] < gain["high"]
    same = measure_areas({"before": scores["after"], "after": scores["after"]}, labels, PATIENTS, ("before", "after"))
    assert set(same["difference"]["auroc"]["mean"].values()) == {0}


def test_chance_is_what_a_constant_scores(labels):
    constant = {"model": np.zeros(labels.shape)}
    figures = measure_areas(constant, labels, PATIENTS)
    for name in ("auroc", "auprc"):
        found = {key: cell["value"] for key, cell in figures["model"][name].items()}
        assert found == pytest.approx(figures["chance"][name])


def test_too_few_are_counted_but_not_measured(labels, scores):
    figures = measure_areas(scores, labels, PATIENTS)
    assert figures["counts"]["Lung Lesion"] == {"positive": 19, "negative": 181}
    assert "Lung Lesion" not in figures["after"]["auroc"]
    assert sum(figures["counts"]["Edema"].values()) == 180
    block = next(area_blocks(figures, "zero-shot", ("before", "after"), "after"))
    row = next(row for row in block.rows if row.name == "Lung Lesion")
    assert [cell.value for cell in row.cells[:2]] == ["19/181", "too few"]
    assert block.rows[-1].name == "mean of 12"
    assert block.rows[-1].kind == "main"


def test_nothing_at_all_can_be_measured():
    labels = np.zeros((5, len(OBSERVATIONS)), np.int8)
    figures = measure_areas({"model": np.zeros(labels.shape)}, labels, PATIENTS[:5])
    assert figures["model"] == {"auroc": {}, "auprc": {}}
    block = next(area_blocks(figures, "zero-shot", ("model",), "model"))
    assert len(block.rows) == len(OBSERVATIONS)
