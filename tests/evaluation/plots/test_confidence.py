import numpy as np
import PIL.Image
import pytest

from medxpert.evaluation.plots.confidence import plot_confidence
from medxpert.evaluation.reports.curves import curves


def _found(count, seed=0):
    rng = np.random.default_rng(seed)
    probabilities = rng.random((count, 14)) ** 3
    labels = (rng.random((count, 14)) < probabilities).astype(np.int8)
    confidence = np.abs(probabilities - 0.5).min(axis=1)
    wrong = (rng.random(count) < 0.8 - confidence).astype(float)
    return curves(probabilities, labels, confidence, wrong, np.ones(count))


@pytest.mark.parametrize("splits", [("test",), ("test", "test_shift")])
def test_the_picture_opens_and_shows_something(tmp_path, splits):
    path = tmp_path / "confidence.png"
    plot_confidence(path, {name: _found(300, seed) for seed, name in enumerate(splits)}, "test", "open")
    with PIL.Image.open(path) as picture:
        assert picture.width > 600
        assert len(set(picture.convert("L").resize((64, 64)).tobytes())) > 10


def test_another_split_changes_the_picture(tmp_path):
    for number in (1, 2):
        found = {name: _found(200, seed) for seed, name in enumerate(("a", "b")[:number])}
        plot_confidence(tmp_path / f"{number}.png", found, "test", "open")
    assert (tmp_path / "1.png").read_bytes() != (tmp_path / "2.png").read_bytes()


def test_nothing_said_can_be_drawn(tmp_path):
    nothing = curves(np.full((1, 14), np.nan), np.zeros((1, 14), np.int8), np.zeros(1), np.zeros(1), np.zeros(1))
    plot_confidence(tmp_path / "empty.png", {"test": nothing}, "test", "private")
    assert (tmp_path / "empty.png").stat().st_size > 0
