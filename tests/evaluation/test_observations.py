import numpy as np
import pytest

from medxpert.evaluation.evaluate import measure_run
from medxpert.evaluation.observations import MIN_CASES, observation_counts, prompt_scores
from medxpert.metrics.labels import auroc
from medxpert.ontology import OBSERVATIONS


@pytest.fixture
def result(make_run):
    return measure_run(make_run(prompts=True), "test", "untrained")


def test_prompt_scores_by_hand():
    prompts = np.array([[[1, 0], [0, 1]], [[0, 1], [1, 0]]], dtype=np.float16)
    assert prompt_scores(np.array([[0.6, 0.8]]), prompts) == pytest.approx(np.array([[-0.2, 0.2]]), abs=1e-6)


def test_areas_are_those_of_the_metric(result, make_run, tmp_path):
    prompts = np.load(tmp_path / "outputs" / "a-run" / "prompts" / "prompts.npy")
    expected = auroc(prompt_scores(result.vectors["adapted"].image, prompts), result.cases.labels, MIN_CASES)
    found = result.figures("adapted", "test")["image_to_label"]["label"]
    known = {f"auroc/{name}": area for name, area in zip(OBSERVATIONS, expected, strict=True) if np.isfinite(area)}
    assert {name: found[name]["value"] for name in known} == pytest.approx(known)
    assert found["auroc_mean"]["value"] == pytest.approx(np.mean(list(known.values())))
    assert found["auroc_mean"]["low"] <= found["auroc_mean"]["value"] <= found["auroc_mean"]["high"]


def test_gain_is_the_difference(result):
    before, after = (result.figures(stage, "test")["image_to_label"]["label"] for stage in ("untrained", "adapted"))
    gain = result.gains("untrained", "test")["image_to_label"]["label"]
    for name in gain:
        assert gain[name]["value"] == pytest.approx(after[name]["value"] - before[name]["value"])


def test_too_few_are_counted_but_not_measured(result):
    counts = observation_counts(result.cases)
    found = result.figures("adapted", "test")["image_to_label"]["label"]
    rare = {name for name, count in counts.items() if min(count.values()) < MIN_CASES}
    assert rare
    assert not {f"auroc/{name}" for name in rare} & set(found)
    assert all(sum(count.values()) <= len(result.cases) for count in counts.values())


def test_constant_answer(result):
    _, copies = np.unique(result.cases.labels, axis=0, return_counts=True)
    constant = result.figures("adapted", "test")["constant"]["image_to_label"]["label"]
    assert constant["auroc_mean"] == 0.5
    assert copies.max() / len(result.cases) <= constant["label_precision@5"] < 1
