import io

import numpy as np
import pytest
from PIL import Image

from medxpert.app.viewer.picture import display_picture, heat_png
from medxpert.errors import DataError
from medxpert.images.errors import ImageError


def unpacked(picture):
    """As the browser unpacks it."""
    pixels = np.asarray(Image.open(io.BytesIO(picture.png))).astype(int)
    return pixels if picture.num_levels <= 256 else 256 * pixels[: picture.height] + pixels[picture.height :]


@pytest.mark.parametrize("bits", [9, 12, 16])
def test_packing_loses_no_value(write_dicom, tmp_path, bits):
    stored = np.random.default_rng(bits).integers(0, 1 << bits, (50, 70), np.uint16)
    stored[0, :2] = 0, (1 << bits) - 1
    picture = display_picture(write_dicom(tmp_path / "film.dcm", stored, bits))
    assert (picture.width, picture.height, picture.lo, picture.hi) == (70, 50, 0, (1 << bits) - 1)
    np.testing.assert_array_equal(unpacked(picture), stored)


def test_pictures_of_8_bits_travel_as_one_plane(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 30), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "film.png")
    picture = display_picture(tmp_path / "film.png")
    assert Image.open(io.BytesIO(picture.png)).size == (30, 40)
    np.testing.assert_array_equal(unpacked(picture), pixels)
    assert (picture.num_levels, picture.black, picture.white, picture.unit) == (256, 0, 255, "grey")


def test_large_films_are_made_smaller_and_remember_their_size(tmp_path):
    Image.new("L", (400, 600), 9).save(tmp_path / "film.png")
    picture = display_picture(tmp_path / "film.png", side=300)
    assert (picture.width, picture.height, picture.full_width, picture.full_height) == (200, 300, 400, 600)


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n broken", b"\0" * 128 + b"DICM broken"])
def test_broken_files_are_named_without_their_folder(tmp_path, content):
    (tmp_path / "film.dcm").write_bytes(content)
    with pytest.raises(ImageError, match=r"^film\.dcm: "):
        display_picture(tmp_path / "film.dcm")


def test_missing_files(tmp_path):
    with pytest.raises(ImageError, match="No such file"):
        display_picture(tmp_path / "gone.png")


def test_coarse_heat_maps_are_enlarged_and_keep_their_peak():
    heat = np.zeros((4, 8), np.float32)
    heat[1, 6] = 1
    pixels = np.asarray(Image.open(io.BytesIO(heat_png(heat))))
    assert pixels.shape == (256, 512)
    y, x = np.unravel_index(pixels.argmax(), pixels.shape)
    assert (y // 64, x // 64) == (1, 6)


def test_values_beyond_one_are_cut_before_they_spread():
    heat = np.array([[0, 0.5, 7, 0.5, -9, 0]], np.float32).repeat(3, 0)
    assert heat_png(heat) == heat_png(np.clip(heat, 0, 1))


def test_values_beyond_one_are_cut():
    heat = np.array([[-3, 7]], np.float32).repeat(600, 0)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(heat_png(heat))))[0], [0, 255])


@pytest.mark.parametrize("heat", [np.zeros((2, 3, 4)), np.zeros((0, 4)), np.full((2, 2), np.nan)])
def test_what_is_no_heat_map_is_refused(heat):
    with pytest.raises(DataError, match="heat map"):
        heat_png(heat.astype(np.float32))
