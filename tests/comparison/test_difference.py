"""What differs between two films of one phantom patient is found where the new finding is."""

from dataclasses import replace

import numpy as np
import pytest

from medxpert.comparison.aligning import Alignment, align
from medxpert.comparison.difference import LEAST_CORRELATION, Difference, difference, signed
from medxpert.comparison.warping import UNMOVED, sampled
from medxpert.phantom.acquisition import draw_acquisition
from medxpert.phantom.anatomy import draw_anatomy
from medxpert.phantom.findings import draw_finding
from medxpert.phantom.look import DEFAULT
from medxpert.phantom.rendering import masks, render
from medxpert.phantom.scene import Scene

_SIDE = 128
_KINDS = ("mass", "consolidation", "effusion", "haze", "cardiomegaly")


def _pair(number: int):
    """Return a film without and one with a new finding, taken in another way, and where the finding is."""
    rng = np.random.default_rng([7, number])
    anatomy = draw_anatomy(DEFAULT, rng)
    finding = replace(draw_finding(_KINDS[number], rng), faint=False, severity=3)
    taken = [replace(draw_acquisition(DEFAULT.technique, False, rng), shallow=False) for _ in range(2)]
    then, now = Scene(anatomy, taken[0], ()), Scene(anatomy, taken[1], (finding,))
    return render(then, _SIDE), render(now, _SIDE), masks({"image": now.to_json()}, _SIDE)[finding.kind]


@pytest.fixture(scope="module")
def pairs():
    return [_pair(number) for number in range(len(_KINDS))]


@pytest.fixture(scope="module")
def found(pairs) -> list[Difference]:
    return [difference(then, now) for then, now, _ in pairs]


def _density(told, mask) -> float:
    """How much denser a map is within a mask than on the whole film."""
    return float(np.abs(told)[mask].mean() / np.abs(told).mean())


def test_what_is_new_stands_out_once_the_films_are_aligned(pairs, found):
    as_they_are = [
        signed(*(film.astype(np.float32) / 255 for film in (then, now)), Alignment(UNMOVED, 0, 0, 1))
        for then, now, _ in pairs
    ]
    aligned = [_density(one.map, mask) for one, (*_, mask) in zip(found, pairs, strict=True)]
    unaligned = [_density(one, mask) for one, (*_, mask) in zip(as_they_are, pairs, strict=True)]

    assert np.median(aligned) > 2 * np.median(unaligned)
    assert sum(a > u for a, u in zip(aligned, unaligned, strict=True)) >= 4


def test_what_is_new_and_white_is_brighter_now(pairs, found):
    for one, (*_, mask) in list(zip(found, pairs, strict=True))[:3]:
        assert one.brighter[mask].mean() > 3 * one.darker[mask].mean()
        assert one.map.dtype == np.float32
        assert one.map.shape == mask.shape
        assert np.abs(one.map).max() <= 1


def test_swapped_films_swap_the_sign(pairs):
    swapped = difference(pairs[0][1], pairs[0][0])
    assert swapped.darker.sum() > 3 * swapped.brighter.sum()


def test_alignment_makes_films_agree(found):
    for one in found:
        assert one.reason == ""
        assert one.after > max(one.before, LEAST_CORRELATION)


def test_a_known_shift_and_turn_is_found(pairs):
    now = pairs[0][0].astype(np.float32) / 255
    turn, scale = np.radians(5), 1.08
    matrix = np.array(
        [[scale * np.cos(turn), -scale * np.sin(turn), 0.04], [scale * np.sin(turn), scale * np.cos(turn), -0.03]]
    )
    moved = align(sampled(now, matrix, now.shape), now)
    # from the current film to the prior one and on to the current one again is no way at all
    places = np.array([[0.2, -0.2, 1], [-0.2, 0.15, 1], [0.1, 0.2, 1]]).T
    there = moved.matrix[:, :3] @ places
    back = matrix @ np.vstack([there, np.ones(3)])

    assert np.abs(back - places[:2]).max() < 0.03


def test_equal_films_differ_nowhere_whatever_their_exposure(pairs):
    then = pairs[0][0]
    brighter = np.clip(then.astype(float) * 0.8 + 20, 0, 255).astype(np.uint8)

    assert np.abs(difference(then, then).map).max() < 0.02
    assert np.abs(difference(then, brighter).map).max() < 0.1


def test_films_of_other_sizes_are_compared(pairs):
    then, now, _ = pairs[0]
    cut = difference(then[::2, ::2][:, 5:], now[10:])
    assert cut.map.shape == now[10:].shape


@pytest.mark.parametrize(
    "other",
    [
        np.random.default_rng(3).integers(0, 256, (120, 120)).astype(np.uint8),
        np.full((100, 100), 90, np.uint8),
        (np.indices((128, 128)).sum(0) // 16 % 2 * 200).astype(np.uint8),
        np.zeros((8, 8), np.uint8),
    ],
    ids=["noise", "flat", "checks", "tiny"],
)
def test_what_cannot_be_aligned_has_no_map_and_a_reason(pairs, other):
    one = difference(other, pairs[0][1])

    assert one.map is one.brighter is one.darker is None
    assert "could not be laid over" in one.reason or "show too little" in one.reason
