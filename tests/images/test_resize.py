import numpy as np
import pytest
from PIL import Image

from medxpert.images.resize import fitted, padded, resized


@pytest.mark.parametrize(
    ("size", "expected"),
    [((100, 50), (64, 32)), ((50, 100), (32, 64)), ((7, 7), (64, 64)), ((3000, 2), (64, 1))],
)
def test_longest_side_fits(size, expected):
    assert fitted(size, 64) == expected


def test_padding_is_black_and_centred():
    square = padded(np.full((4, 2), 9, np.uint8), 4)
    np.testing.assert_array_equal(square, np.array([[0, 9, 9, 0]] * 4))


def test_square_is_untouched():
    pixels = np.arange(16, dtype=np.uint8).reshape(4, 4)
    np.testing.assert_array_equal(padded(np.asarray(resized(Image.fromarray(pixels), 4)), 4), pixels)


def test_antialiased():
    stripes = np.zeros((512, 512), np.uint8)
    stripes[:, ::2] = 200
    small = np.asarray(resized(Image.fromarray(stripes), 64))
    assert np.ptp(small[:, 4:-4]) <= 2
    assert abs(small.mean() - 100) < 2
