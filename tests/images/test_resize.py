import numpy as np
import pytest
from PIL import Image

from medxpert.images.resize import Goal, Size, padded, resized


@pytest.mark.parametrize(
    ("size", "expected"),
    [((100, 50), (64, 32)), ((50, 100), (32, 64)), ((7, 7), (64, 64)), ((3000, 2), (64, 1))],
)
def test_longest_side_fits(size, expected):
    assert Goal(64).size(size) == expected


@pytest.mark.parametrize(
    ("size", "expected"),
    [((100, 50), (128, 64)), ((50, 100), (64, 128)), ((7, 7), (64, 64)), ((3000, 2), (96000, 64))],
)
def test_shortest_side_covers_the_crop(size, expected):
    assert Goal(64, "crop").size(size) == expected


@pytest.mark.parametrize(("size", "expected"), [((100, 50), (64, 32)), ((64, 9), (64, 9)), ((30, 20), (30, 20))])
def test_whole_never_enlarges(size, expected):
    assert Goal(64, "whole").size(size) == Size(*expected)


def test_crop_is_the_centre_square_at_any_aspect():
    ramp = np.repeat(np.linspace(0, 240, 120)[None], 40, axis=0).astype(np.uint8)
    small = np.asarray(resized(Image.fromarray(ramp), Goal(20, "crop")))
    assert small.shape == (20, 20)
    assert abs(small[:, [0, -1]].astype(int) - [82, 158]).max() <= 3
    assert resized(Image.fromarray(np.zeros((2, 60_000), np.uint8)), Goal(256, "crop")).size == (256, 256)


def test_extent_leaves_out_what_lies_beyond_it():
    pixels = np.zeros((40, 41), np.uint8)
    pixels[:, 40] = 255
    small = np.asarray(resized(Image.fromarray(pixels), Goal(10), extent=(40, 40)))
    assert small.shape == (10, 10)
    assert small.max() < 60


def test_padding_is_black_and_centred():
    square = padded(np.full((4, 2), 9, np.uint8), 4)
    np.testing.assert_array_equal(square, np.array([[0, 9, 9, 0]] * 4))


def test_square_is_untouched():
    pixels = np.arange(16, dtype=np.uint8).reshape(4, 4)
    np.testing.assert_array_equal(padded(np.asarray(resized(Image.fromarray(pixels), Goal(4))), 4), pixels)


def test_antialiased():
    stripes = np.zeros((512, 512), np.uint8)
    stripes[:, ::2] = 200
    small = np.asarray(resized(Image.fromarray(stripes), Goal(64)))
    assert np.ptp(small[:, 4:-4]) <= 2
    assert abs(small.mean() - 100) < 2
