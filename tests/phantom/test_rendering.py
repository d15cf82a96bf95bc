import itertools
import json
from dataclasses import replace

import numpy as np
import pytest

from medxpert.ontology import SUPPORT_DEVICES
from medxpert.phantom.chest import Chest
from medxpert.phantom.findings import draw_finding, kinds
from medxpert.phantom.look import DEFAULT, LOOKS
from medxpert.phantom.patients import draw_patient
from medxpert.phantom.rendering import masks, render
from medxpert.phantom.scene import Scene

BOTH = pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)


def plain_scene(patient=2, view="PA", look=DEFAULT):
    """Return a scene without findings, upright, unshifted, without borders."""
    scene = draw_patient(0, patient, look)[0].scene
    still = dict.fromkeys(("angle", "shift_x", "shift_y", "exposure", "noise"), 0.0)
    borders = {f"border_{edge}": 0.0 for edge in ("left", "right", "top", "bottom")}
    acquisition = replace(scene.acquisition, view=view, shallow=False, scale=1.0, contrast=1.0, **still, **borders)
    return Scene(scene.anatomy, acquisition, (), look)


def with_finding(scene, kind, **changes):
    return replace(scene, findings=(replace(draw_finding(kind, np.random.default_rng(4)), **changes),))


def masks_of(scene, side):
    return masks({"image": scene.to_json()}, side)


@pytest.mark.parametrize("side", [64, 100, 128, 320, 512])
def test_pixels_have_the_asked_shape(side):
    pixels = render(draw_patient(0, 5)[0].scene, side)
    assert pixels.shape == (side, side)
    assert pixels.dtype == np.uint8
    assert pixels.min() < 20
    assert pixels.max() > 180


def test_fields_stay_float32():
    scene = replace(plain_scene(), findings=tuple(draw_finding(kind, np.random.default_rng(0)) for kind in kinds()))
    assert Chest(scene, 64).attenuation().dtype == np.float32


def test_a_scene_always_gives_the_same_pixels_also_through_json():
    scene = draw_patient(0, 8)[0].scene
    again = Scene.from_json(json.loads(json.dumps(scene.to_json())))
    assert again == scene
    np.testing.assert_array_equal(render(scene, 96), render(again, 96))


@pytest.mark.parametrize("kind", [None, *kinds()])
def test_structures_are_at_the_same_place_whatever_the_side(kind):
    scene = plain_scene() if kind is None else with_finding(plain_scene(), kind)
    small = render(scene, 64).astype(float)
    large = render(scene, 256).astype(float).reshape(64, 4, 64, 4).mean(axis=(1, 3))
    assert np.corrcoef(small.ravel(), large.ravel())[0, 1] > 0.985
    shifted = np.roll(large, 1, axis=1)
    assert np.abs(small - large).mean() < 0.6 * np.abs(small - shifted).mean()


@BOTH
@pytest.mark.parametrize("kind", kinds())
def test_every_kind_shows_inside_its_mask(kind, look):
    for patient in (2, 6, 14):
        plain = plain_scene(patient, look=look)
        scene = with_finding(plain, kind, faint=False)
        difference = np.abs(render(scene, 128).astype(float) - render(plain, 128))
        mask = masks_of(scene, 128)[kind]
        assert mask.shape == (128, 128)
        assert mask.dtype == bool
        assert 15 < mask.sum() < 0.6 * mask.size
        assert (difference > 10).sum() >= 20
        assert difference[mask].mean() > 4 * difference[~mask].mean()


@pytest.mark.parametrize("kind", [kind for kind, table in kinds().items() if "left" in table.get("sides", {})])
def test_sides_are_the_patients(kind):
    central = kind in ("jugular_line", "picc", "pacemaker")
    x = np.arange(128) - 63.5
    centres = {}
    for side in ("left", "right"):
        mask = masks_of(with_finding(plain_scene(), kind, side=side), 128)[kind]
        centres[side] = (mask[:40] if central else mask).sum(axis=0) @ x
    assert centres["left"] > 0 > centres["right"]


@pytest.mark.parametrize("kind", [kind for kind, table in kinds().items() if "upper" in table.get("zones", {})])
def test_zones_go_downward(kind):
    rows = np.arange(128)
    heights = []
    for zone in ("upper", "lower"):
        drawn = [draw_finding(kind, np.random.default_rng(seed)) for seed in range(60)]
        finding = next(finding for finding in drawn if finding.zone == zone)
        mask = masks_of(replace(plain_scene(), findings=(finding,)), 128)[kind]
        heights.append(np.average(rows, weights=mask.sum(axis=1)))
    assert heights[1] > heights[0] + 15


@pytest.mark.parametrize(
    "kind", ["cardiomegaly", "edema", "effusion", "pneumothorax", "consolidation", "wide_mediastinum"]
)
def test_severity_shows(kind):
    base = render(plain_scene(), 128).astype(float)
    grades = range(1, len(kinds()[kind]["severities"]) + 1)
    changes = [
        np.abs(render(with_finding(plain_scene(), kind, severity=grade, faint=False), 128) - base).mean()
        for grade in grades
    ]
    assert all(more > 1.2 * less for less, more in itertools.pairwise(changes))


def test_faint_is_fainter():
    base = render(plain_scene(), 128).astype(float)
    clear, faint = (render(with_finding(plain_scene(), "nodule", faint=faint), 128) - base for faint in (False, True))
    assert 0 < faint.sum() < 0.8 * clear.sum()


def test_the_projection_magnifies_the_heart():
    widths = {}
    for view in ("AP", "PA"):
        chest = Chest(plain_scene(view=view), 128)
        widths[view] = (chest.heart[(chest.v > 0.2) & (chest.v < 0.3)] > 0.05).mean()
    assert widths["AP"] > 1.05 * widths["PA"]


def test_the_right_diaphragm_is_higher():
    shapes = Chest(plain_scene(), 64).shapes
    assert shapes["right"].dome < shapes["left"].dome


def area_under_curve(scores, positive):
    ranks = np.argsort(np.argsort(scores)) + 1
    num = positive.sum()
    return (ranks[positive].sum() - num * (num + 1) / 2) / (num * (~positive).sum())


def ridge_scores(rows, positive, num_train):
    mean, spread = rows[:num_train].mean(axis=0), rows[:num_train].std(axis=0) + 1e-3
    rows = (rows - mean) / spread
    train = rows[:num_train]
    gram = train.T @ train + 300 * np.eye(rows.shape[1])
    return rows[num_train:] @ np.linalg.solve(gram, train.T @ (positive[:num_train] - positive[:num_train].mean()))


@pytest.mark.slow
@BOTH
def test_nothing_but_the_findings_tells_the_ill_from_the_healthy(look):
    scenes = [draw_patient(1, patient, look)[0].scene for patient in range(550)]
    ill = np.array([any(f.observation != SUPPORT_DEVICES for f in scene.findings) for scene in scenes])
    areas = {}
    for with_findings in (True, False):
        films = [render(scene, 32, with_findings).reshape(16, 2, 16, 2).mean(axis=(1, 3)).ravel() for scene in scenes]
        areas[with_findings] = area_under_curve(ridge_scores(np.stack(films), ill, 330), ill[330:])
    assert areas[True] > 0.67
    assert 0.4 < areas[False] < 0.6
