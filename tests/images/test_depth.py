import io
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image

from medxpert.images.depth import Span, deep
from medxpert.images.errors import ImageError
from medxpert.images.files import ImageBytes, load_whole

RAMP = np.arange(4096, dtype=np.uint16).reshape(64, 64)


@pytest.fixture
def film(write_dicom, tmp_path: Path):
    def make(stored, side=1536, **elements):
        return deep(write_dicom(tmp_path / "film.dcm", stored, **elements).read_bytes(), ".dcm", side)

    return make


def encoded(values, kind="PNG", **options):
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, kind, **options)
    return buffer.getvalue()


def values(found):
    return found.lo + (found.hi - found.lo) / (found.num_levels - 1) * found.levels.astype(np.float64)


def shown(found):
    """Grey 0..255 as the browser shows it first."""
    place = (values(found) - found.window.low) / (found.window.high - found.window.low)
    if found.inverted:
        place = 1 - place
    return np.rint(255 * (1 / (1 + np.exp(2 - 4 * place)) if found.sigmoid else np.clip(place, 0, 1)))


def test_all_values_of_12_bits_are_kept(film):
    found = film(RAMP)
    assert (found.lo, found.hi, found.num_levels) == (0, 4095, 4096)
    np.testing.assert_array_equal(values(found), RAMP)


@pytest.mark.parametrize(("slope", "intercept"), [(2.0, -1024.0), (0.25, 0.5), (-1.0, 4095.0)])
def test_values_are_what_the_modality_makes_of_them(film, slope, intercept):
    found = film(RAMP, RescaleSlope=str(slope), RescaleIntercept=str(intercept))
    np.testing.assert_allclose(values(found), slope * RAMP + intercept, atol=1e-9)


def test_all_values_of_signed_16_bits_are_kept(film):
    stored = np.arange(-32768, 32768, dtype=np.int16).reshape(256, 256)
    np.testing.assert_array_equal(values(film(stored, bits=16)), stored)


@pytest.mark.parametrize(
    "elements",
    [
        {},
        {"PhotometricInterpretation": "MONOCHROME1"},
        {"WindowCenter": "1500", "WindowWidth": "900"},
        {"WindowCenter": "1500", "WindowWidth": "900", "PhotometricInterpretation": "MONOCHROME1"},
        {"WindowCenter": "1500", "WindowWidth": "900", "VOILUTFunction": "LINEAR_EXACT"},
        {"WindowCenter": "1500", "WindowWidth": "900", "VOILUTFunction": "SIGMOID"},
        {"WindowCenter": "9000", "WindowWidth": "10"},
        {"PixelPaddingValue": 4095},
        {"PixelPaddingValue": 4095, "PhotometricInterpretation": "MONOCHROME1"},
        {"PixelPaddingValue": 4095, "WindowCenter": "1500", "WindowWidth": "900"},
    ],
)
def test_at_first_a_dicom_is_shown_as_the_model_sees_it(write_dicom, tmp_path, elements):
    data = write_dicom(tmp_path / "film.dcm", RAMP, **elements).read_bytes()
    expected = load_whole(ImageBytes(data), 1536)
    np.testing.assert_allclose(shown(deep(data, ".dcm", 1536)), expected, atol=1)


def test_a_voi_lut_is_applied_and_its_greatest_value_is_white(film):
    lut = np.linspace(0, 1, 4096) ** 2
    item = pydicom.Dataset()
    item.LUTDescriptor, item.LUTData = [4096, 0, 12], [round(4095 * one) for one in lut]
    item["LUTDescriptor"].VR = item["LUTData"].VR = "US"
    found = film(RAMP, VOILUTSequence=pydicom.Sequence([item]))
    np.testing.assert_array_equal(values(found).ravel(), np.rint(4095 * lut))
    assert (found.window, found.unit) == (Span(0, 4095), "after VOI LUT")


def test_8_bit_dicoms_show_their_whole_scale(film):
    found = film((RAMP % 100).astype(np.uint8), bits=8)
    assert found.window == Span(0, 255)


def test_a_dicom_without_preamble_is_known_by_its_suffix(write_dicom, tmp_path):
    data = write_dicom(tmp_path / "film.dcm", RAMP).read_bytes()[132:]
    np.testing.assert_array_equal(values(deep(data, ".DCM", 1536)), RAMP)
    with pytest.raises(ImageError, match="found something else"):
        deep(data, ".png", 1536)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_picture_files_of_16_bits_keep_their_values(kind):
    found = deep(encoded(RAMP * 16, kind), "", 1536)
    assert (found.lo, found.hi, found.window) == (0, 65520, Span(0, 65520))
    np.testing.assert_array_equal(values(found), RAMP * 16)


def test_floating_point_tiffs_are_evenly_graded():
    pixels = np.linspace(-0.5, 0.5, 4096, dtype=np.float32).reshape(64, 64)
    np.testing.assert_allclose(values(deep(encoded(pixels, "TIFF"), "", 1536)), pixels, atol=1e-5)
    pixels[3, 3] = np.nan
    with pytest.raises(ImageError, match="finite"):
        deep(encoded(pixels, "TIFF"), "", 1536)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_pictures_of_8_bits_are_the_models_pixels(kind):
    data = encoded(np.tile((RAMP // 16).astype(np.uint8), (2, 3)), kind)
    found = deep(data, "", 100)
    np.testing.assert_array_equal(found.levels, load_whole(ImageBytes(data), 100))
    assert (found.full, found.window, found.num_levels) == ((192, 128), Span(0, 255), 256)


@pytest.mark.parametrize(("shape", "expected"), [((300, 200), (96, 64)), ((200, 300), (64, 96)), ((40, 50), (40, 50))])
def test_films_are_made_smaller_and_never_larger(film, shape, expected):
    found = film(np.random.default_rng(0).integers(0, 4096, shape, np.uint16), side=96)
    assert found.levels.shape == expected
    assert found.full == shape[::-1]


def test_edges_do_not_overshoot_the_levels(film):
    edge = np.zeros((301, 301), np.uint16)
    edge[:, 150:] = 4095
    row = film(edge, side=96).levels[50].astype(int)
    assert (row[:40] == 0).all()
    assert (row[-40:] == 4095).all()
    assert (np.diff(row) >= 0).all()


@pytest.mark.parametrize("deep_values", [False, True])
def test_pictures_are_turned_upright(deep_values):
    pixels = np.zeros((20, 30), np.uint16 if deep_values else np.uint8)
    pixels[0, :] = 200
    exif = Image.Exif()
    exif[0x0112] = 6
    found = deep(encoded(pixels, "PNG", exif=exif), "", 1536)
    assert (found.levels.shape, found.full) == ((30, 20), (20, 30))
    assert found.levels[:, -1].min() == 200


def test_a_plain_film_has_a_window_all_the_same(film):
    found = film(np.full((8, 8), 7, np.uint16))
    assert found.window.high > found.window.low
    assert np.isfinite(shown(found)).all()


def test_a_cut_dicom_is_refused(write_dicom, tmp_path):
    data = write_dicom(tmp_path / "film.dcm", RAMP).read_bytes()
    with pytest.raises(ImageError):
        deep(data[:3000], ".dcm", 1536)
