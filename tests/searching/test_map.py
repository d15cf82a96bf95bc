"""Maps of a gallery: exact on both kinds of axes, the same each time, queries placed among their own kind."""

import numpy as np
import pytest

from medxpert.ontology import OBSERVATIONS
from medxpert.searching import map as maps
from medxpert.searching.map import Atlas

PROMPTS = np.zeros((14, 2), np.float32)
PROMPTS[OBSERVATIONS.index("Edema")] = [2, 0]
PROMPTS[OBSERVATIONS.index("Fracture")] = [1, -1]


@pytest.fixture
def atlas(run, gallery) -> Atlas:
    return Atlas(gallery, PROMPTS)


@pytest.fixture
def image(run) -> np.ndarray:
    return run.embeddings("train").image.astype(np.float32)


def test_principal_axes_are_those_of_the_singular_values(atlas, image):
    plane, centred = atlas.principal, image - image.mean(axis=0)
    _, values, vectors = np.linalg.svd(centred, full_matrices=False)
    assert np.abs(plane.axes @ vectors.T) == pytest.approx(np.eye(2), abs=1e-5)
    share = values[0] ** 2 / (values**2).sum()
    assert plane.names[0] == f"principal axis 1 ({share:.0%} of the variance)"
    placed = atlas.at(plane, np.arange(5))
    assert placed == pytest.approx(centred @ plane.axes.T, abs=1e-5)
    assert all(axis[np.abs(axis).argmax()] > 0 for axis in plane.axes)


def test_each_kind_is_placed_by_how_it_differs_from_its_own(atlas, run, image):
    text = run.embeddings("train").text.astype(np.float32)
    plane = atlas.principal
    assert plane.at(text, 0.0).mean(axis=0) == pytest.approx(np.zeros(2), abs=1e-3)
    assert plane.at(image, 1.0).mean(axis=0) == pytest.approx(np.zeros(2), abs=1e-3)
    between = (image.mean(axis=0) + text.mean(axis=0)) / 2
    assert plane.at(between[None], 0.5) == pytest.approx(np.zeros((1, 2)), abs=1e-3)


def test_two_observations_give_the_scores_of_the_prompts(atlas, image):
    plane = atlas.along("Edema", "Fracture")
    assert plane.names == ("Edema score", "Fracture score")
    expected = np.stack([2 * image[:, 0], image[:, 0] - image[:, 1]], axis=1)
    assert atlas.at(plane, np.arange(5)) == pytest.approx(expected, abs=1e-6)
    assert plane.at(image[:1], 0.0) == pytest.approx(expected[:1], abs=1e-6)


def test_a_large_gallery_is_sampled_the_same_way_each_time(atlas, monkeypatch):
    allowed = np.array([True, False, True, True, True])
    assert atlas.sample(allowed).tolist() == [0, 2, 3, 4]
    monkeypatch.setattr(maps, "MOST_POINTS", 3)
    drawn = atlas.sample(allowed).tolist()
    assert len(drawn) == 3
    assert set(drawn) <= {0, 2, 3, 4}
    assert drawn == sorted(drawn) == atlas.sample(allowed).tolist()


def test_colours_say_what_a_case_is(atlas):
    rows = np.array([0, 2, 3, 4])
    assert atlas.kinds("Pleural Effusion", rows) == ["present", "absent", "uncertain", "not mentioned"]
    assert atlas.kinds("source", rows) == ["phantom", "x", "phantom", "phantom"]
