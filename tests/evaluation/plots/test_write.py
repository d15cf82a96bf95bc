from dataclasses import replace

import PIL.Image
import pytest

from medxpert.evaluation.evaluate import measure_run
from medxpert.evaluation.plots.sheets import typical, worst
from medxpert.evaluation.plots.space import main_observations, plane
from medxpert.evaluation.plots.write import write_plots
from medxpert.metrics.ranking import positions
from medxpert.ontology import NO_FINDING, OBSERVATIONS, PATHOLOGIES


@pytest.mark.parametrize(
    ("prompts", "names"),
    [
        (False, {"recall_curves", "auroc", "similarity", "embedding_map", "top_image_to_text", "top_text_to_image"}),
        (True, {"auroc", "embedding_map", "top_image_to_text", "top_text_to_image"}),
    ],
)
def test_every_plot_opens(make_run, tmp_path, prompts, names):
    folder = tmp_path / "plots"
    write_plots(folder, measure_run(make_run(prompts=prompts, truths=False), "test", "untrained"), "open")
    found = {path.stem for path in folder.iterdir()}
    assert found == names | (set() if prompts else {"worst_image_to_text"})
    for path in folder.iterdir():
        with PIL.Image.open(path) as picture:
            assert picture.width > 600
            assert len(set(picture.convert("L").resize((64, 64)).tobytes())) > 10


def test_worst_are_abnormal_and_worst(make_run):
    result = measure_run(make_run(), "test", "untrained")
    result = replace(result, ranked={"adapted": result.ranked["untrained"]})
    places = positions(next(one.ranks for one in result.ranked["adapted"] if one.relevance == "same_text"))
    rows = worst(result)
    assert result.cases.abnormal[rows].all()
    assert places[rows].min() == pytest.approx(sorted(places[result.cases.abnormal])[-len(rows)])


def test_typical_texts_differ(make_run):
    result = measure_run(make_run(prompts=True), "test", "untrained")
    texts = [result.cases.texts[row] for row in typical(result)]
    assert len(set(texts)) == len(texts)


def test_main_observation_prefers_pathology(make_run):
    cases = measure_run(make_run(), "test", "untrained").cases
    count = dict(zip(OBSERVATIONS, (cases.labels == 1).sum(axis=0), strict=True)) | {"other or none": 0}
    for name, labels in zip(main_observations(cases), map(cases.labels_of, range(len(cases))), strict=True):
        positive = {key for key, value in labels.items() if value == 1}
        assert name in positive or (name == "other or none" and not positive)
        assert name in PATHOLOGIES or not positive & set(PATHOLOGIES)
        assert name != NO_FINDING or labels[NO_FINDING] == 1
        assert all(count[name] <= count[other] for other in positive & set(PATHOLOGIES))


def test_plane_keeps_both_kinds_centred(make_run):
    result = measure_run(make_run(), "test", "untrained")
    points = plane(result.subject.vectors["untrained"], typical(result))
    assert points.image.mean(axis=0) == pytest.approx([0, 0], abs=1e-5)
    assert points.text.mean(axis=0) == pytest.approx([0, 0], abs=1e-5)
