import numpy as np
import pytest

from medxpert.abstention.thumbnail import contrasts, thumbnails


@pytest.mark.parametrize("side", [8, 16, 50, 61])
def test_cells_are_means_at_any_side(side):
    pixels = np.random.default_rng(0).integers(0, 256, (3, side, side), dtype=np.uint8)
    edges = [int(k * side / 8) for k in range(9)]
    for row, picture in zip(thumbnails(pixels), pixels, strict=True):
        cells = np.array(
            [picture[edges[i] : edges[i + 1], edges[j] : edges[j + 1]].mean() for i in range(8) for j in range(8)]
        )
        np.testing.assert_allclose(row, (cells - cells.mean()) / (cells.std() + 5))


def test_exposure_does_not_count_and_contrast_little():
    pixels = np.random.default_rng(0).integers(0, 2, (1, 8, 8)).astype(np.uint8) * 60 + 20
    usual, lighter, stronger = (thumbnails(one) for one in (pixels, pixels + 50, pixels * 3))
    np.testing.assert_allclose(lighter, usual)
    np.testing.assert_allclose(stronger, usual, rtol=0.15)


def test_blank_pictures_are_even():
    flat = np.full((2, 20, 20), 77, np.uint8)
    np.testing.assert_array_equal(thumbnails(flat), np.zeros((2, 64)))
    np.testing.assert_array_equal(contrasts(flat), [0, 0])


def test_contrast_is_the_deviation_of_grey_levels():
    halves = np.zeros((1, 16, 16), np.uint8)
    halves[:, 8:] = 100
    assert contrasts(halves) == pytest.approx(50)
