import dataclasses

import numpy as np
import pytest
import torch

from medxpert.errors import ConfigError
from medxpert.images.resize import Goal, padded
from medxpert.locating import doubts
from medxpert.locating.locator import BY_GREYING, BY_SIDES, BY_USUAL, Locator, evidence_direction, over
from medxpert.locating.usual import usual_values
from medxpert.models.architecture import Architecture, Transformer
from medxpert.models.clip import CLIP
from medxpert.models.inference import open_encoder
from medxpert.models.tiny import clip_tiny
from medxpert.ontology import OBSERVATIONS

RNG = np.random.default_rng(0)
VIT = Architecture("small", 64, 8, 24, Transformer(64, 2, 2), Transformer(32, 1, 2), vocab_size=600, context_length=16)
MODELS = {
    "convolutional": lambda: clip_tiny(image_side=64, image_widths=(24, 40), text_width=64, vocab_size=600),
    "transformer": lambda: CLIP(VIT),
}


class Brightness:
    """Looks at one square of the picture alone."""

    image_side = 64

    def encode_images(self, pixels):
        return np.array([[p[40:48, 8:16].mean() / 255, 1] for p in pixels], np.float32)

    def encode_texts(self, texts):
        return np.array([[1, 0]] * len(texts), np.float32)


@pytest.fixture(params=MODELS)
def encoder(request, tmp_path):
    torch.manual_seed(0)
    MODELS[request.param]().export(tmp_path)
    return open_encoder(tmp_path)


@pytest.fixture
def plain():
    return RNG.integers(90, 110, (64, 64), dtype=np.uint8)


def planted(plain, top, left):
    film = plain.copy()
    film[top : top + 8, left : left + 8] = 230
    return film


@pytest.mark.parametrize(("top", "left"), [(8, 40), (40, 8), (24, 24)])
def test_finds_what_was_planted(encoder, plain, calibrate, top, left):
    film = planted(plain, top, left)
    rows = encoder.encode_images(np.stack([film, plain]))
    directions = np.zeros((14, encoder.embed_dim))
    directions[4] = rows[0] - rows[1]
    locator = Locator(encoder, calibrate(directions), usual_values(encoder, plain[None]))
    found = locator.of_observation(film, OBSERVATIONS[4])
    y, x = (64 * at for at in found.peak)
    assert top - 2 <= y <= top + 10
    assert left - 2 <= x <= left + 10
    assert found.heat.shape == (64, 64)
    assert found.heat.dtype == np.float32
    assert (found.heat.min(), found.heat.max()) == (0, 1)
    assert found.heat[int(y), int(x)] == 1
    assert 0.3 < found.share <= 1
    assert found.method == BY_USUAL


def test_asks_of_another_picture_anew(encoder, plain, calibrate):
    directions = np.ones((14, encoder.embed_dim))
    locator = Locator(encoder, calibrate(directions), usual_values(encoder, plain[None]))
    pictures = [planted(plain, 8, 40), planted(plain, 40, 8)]
    first = [locator.of_observation(film, "Edema").heat for film in pictures]
    again = [locator.of_observation(film, "Edema").heat for film in pictures]
    np.testing.assert_array_equal(first, again)
    assert np.abs(first[0] - first[1]).max() > 0.1


@pytest.mark.parametrize("encoder", ["convolutional"], indirect=True)
def test_without_films_the_sides_are_compared(encoder, plain, calibrate):
    plain = np.minimum(plain, plain[:, ::-1])
    film = planted(plain, 24, 8)
    rows = encoder.encode_images(np.stack([film, plain]))
    found = Locator(encoder, calibrate(np.zeros((14, 24)))).score_map(film, rows[0] - rows[1])
    assert found[20:36, 4:20].max() > 2 * np.abs(found[44:]).max()
    told = Locator(encoder, calibrate(np.ones((14, encoder.embed_dim)))).of_observation(film, "Edema")
    assert (told.method, told.note) == (BY_SIDES, doubts.UNCHECKED)


def test_any_encoder_is_asked_by_greying_out(plain, calibrate):
    film = planted(plain, 40, 8)
    located = Locator(Brightness(), calibrate(np.tile([1.0, 0.0], (14, 1))))
    for found in (located.of_observation(film, "Fracture"), located.of_text(film, "bright")):
        assert 40 <= 64 * found.peak[0] <= 48
        assert 8 <= 64 * found.peak[1] <= 16
        assert found.method == BY_GREYING
    assert found.note == doubts.OF_TEXTS


def test_the_text_says_where(encoder, plain, calibrate):
    locator = Locator(encoder, calibrate(np.zeros((14, encoder.embed_dim))), usual_values(encoder, plain[None]))
    film = planted(plain, 24, 24)
    one, other = (locator.of_text(film, text) for text in ("a heart", "no heart at all, nothing"))
    assert np.abs(one.heat - other.heat).max() > 0.01


def test_direction_is_what_moves_the_log_odds(calibrate):
    calibration = calibrate(RNG.normal(size=(14, 6)))
    rows = RNG.normal(size=(2, 6))
    odds = calibration.log_odds(calibration.raw(rows))
    weighed = sum(calibration.weights[name][3] * odds[name][:, 3] for name in odds)
    moved = (rows[0] - rows[1]) @ evidence_direction(calibration, OBSERVATIONS[3])
    assert moved == pytest.approx(weighed[0] - weighed[1], rel=1e-5)


def test_says_when_the_evidence_is_silent(encoder, plain, calibrate):
    calibration = calibrate(np.full((14, encoder.embed_dim), np.nan))
    found = Locator(encoder, calibration).of_observation(plain, "Fracture")
    assert "does not speak of fracture" in found.note
    assert not found.heat.any()
    assert found.share == 0
    partly = dataclasses.replace(calibration, prompts=np.ones((14, encoder.embed_dim)))
    assert evidence_direction(partly, "Fracture").any()


def test_refuses_what_is_no_observation(calibrate):
    with pytest.raises(ConfigError, match=r"observation=Gout: expected one of No Finding, .*Support Devices"):
        evidence_direction(calibrate(np.ones((14, 3))), "Gout")


@pytest.mark.parametrize("shape", [(200, 100), (100, 200), (128, 128), (301, 77), (64, 640), (31, 20)])
def test_lies_over_the_picture(shape):
    height, width = shape
    size = Goal(64).size((width, height))
    down, across = np.mgrid[: size.height, : size.width]
    marked = np.where((down > size.height * 0.7) & (across < size.width * 0.4), 255, 0).astype(np.uint8)
    heat = padded(marked, 64).astype(np.float32) / 255
    placed = over(heat, height, width)
    assert placed.shape == shape
    assert placed.dtype == np.float32
    assert placed[int(height * 0.9), int(width * 0.15)] > 0.9
    for y, x in ((0.1, 0.15), (0.1, 0.9), (0.9, 0.9)):
        assert placed[int(height * y), int(width * x)] < 0.1


def test_doubts_quote_what_was_measured(monkeypatch):
    told = {
        "Edema": {"films": 40, "map": 0.5, "usual_place": 0.9, "better": False},
        "Fracture": {"films": 40, "map": 0.5, "usual_place": 0.2, "better": True},
    }
    monkeypatch.setattr(doubts, "_measured", lambda: {"clip_tiny": told})
    assert doubts.of_observation("clip_tiny", "Fracture") == ""
    assert "in the finding in 50% of 40; " in doubts.of_observation("clip_tiny", "Edema")
    assert doubts.of_observation("clip_tiny", "Edema").endswith("in 90%.")
    assert doubts.of_observation("clip_tiny", "Pneumonia") == doubts.UNCHECKED
    assert doubts.of_observation("", "Edema") == doubts.UNCHECKED


def test_what_was_measured_is_whole():
    (facts,) = doubts._measured().values()
    assert set(facts) < set(OBSERVATIONS)
    for found in facts.values():
        assert set(found) == {"films", "map", "usual_place", "better"}
        assert found["better"] <= (found["map"] > found["usual_place"])
