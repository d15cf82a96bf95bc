import io
import os
import pickle
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from medxpert.errors import DataError
from medxpert.images.errors import ImageError
from medxpert.images.files import ImageBytes, ImageFile, load, load_whole

CXR = Path(__file__).parents[3] / "shared" / "cxr"
SIDE = 32


@pytest.fixture
def film():
    """A landscape picture [48, 64]: dark left half, bright right half, smooth enough for JPEG."""
    ramp = np.linspace(20, 220, 64)
    return np.repeat(ramp[None], 48, axis=0).astype(np.uint8)


def encoded(picture, kind="PNG", **options):
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return ImageBytes(buffer.getvalue())


def forms(film):
    grey = Image.fromarray(film)
    colour = grey.convert("RGB")
    opaque = colour.convert("RGBA")
    return {
        "png": encoded(grey),
        "jpeg": encoded(grey, "JPEG", quality=95),
        "progressive": encoded(colour, "JPEG", quality=95, progressive=True),
        "cmyk": encoded(colour.convert("CMYK"), "JPEG", quality=95),
        "rgb": encoded(colour),
        "rgba": encoded(opaque),
        "la": encoded(grey.convert("LA")),
        "palette": encoded(grey.convert("P")),
        "tiff": encoded(grey, "TIFF"),
        "bmp": encoded(colour, "BMP"),
        "webp": encoded(colour, "WEBP", lossless=True),
    }


@pytest.mark.parametrize("form", list(forms(np.zeros((8, 8), np.uint8))))
def test_forms_look_alike(film, form):
    expected = np.array(Image.fromarray(film).resize((32, 24), Image.Resampling.BICUBIC)).astype(int)
    pixels = load(forms(film)[form], SIDE)
    assert pixels.shape == (SIDE, SIDE)
    assert pixels.dtype == np.uint8
    assert pixels.flags.writeable
    assert abs(pixels[4:28].astype(int) - expected).max() <= 4
    assert not pixels[:4].any()
    assert not pixels[28:].any()


def test_one_bit(film):
    pixels = load(encoded(Image.fromarray(film).convert("1", dither=Image.Dither.NONE)), SIDE)
    assert pixels[16, 4] == 0
    assert pixels[16, 28] == 255


@pytest.mark.parametrize("top", [4095, 65535])
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_deep_pictures_use_their_own_range(film, top, kind):
    deep = (film.astype(np.float64) / 255 * top).astype(np.uint16)
    pixels = load(encoded(Image.fromarray(deep), kind), SIDE)[4:28]
    assert pixels.min() == 0
    assert pixels.max() == 255
    assert (np.diff(pixels[10].astype(int)) > 0).all()


def test_a_hot_pixel_does_not_darken_a_deep_picture():
    deep = np.full((256, 256), 1000, np.uint16)
    deep[:, 128:] = 3000
    deep[5, 5] = 65535
    pixels = load(encoded(Image.fromarray(deep)), 16)
    assert int(pixels[10, 12]) - int(pixels[10, 3]) > 100


def test_constant_deep_picture_is_black():
    assert not load(encoded(Image.fromarray(np.full((9, 9), 700, np.uint16))), SIDE).any()


def test_transparency_shows_black(film):
    picture = Image.fromarray(film).convert("LA")
    picture.putalpha(Image.fromarray(np.where(np.arange(64) < 32, 255, 0)[None].repeat(48, 0).astype(np.uint8)))
    pixels = load(encoded(picture), SIDE)
    assert pixels[16, 8] > 40
    assert not pixels[:, 20:].any()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
@pytest.mark.parametrize("fit", ["pad", "crop"])
@pytest.mark.parametrize("turn", range(1, 9))
def test_every_exif_orientation_equals_turning_first(film, kind, turn, fit):
    lopsided = (film * np.linspace(0.3, 1, 48)[:, None]).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = turn
    options = {"quality": 100} if kind == "JPEG" else {}
    turned = load(encoded(Image.fromarray(lopsided), kind, exif=exif, **options), SIDE, fit)
    picture = Image.fromarray(lopsided)
    picture.getexif()[0x0112] = turn
    expected = load(encoded(ImageOps.exif_transpose(picture), "PNG"), SIDE, fit)
    assert abs(turned.astype(int) - expected).max() <= 4


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_exif_orientation(film, kind):
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = load(encoded(Image.fromarray(film), kind, exif=exif), SIDE)
    assert pixels[2, 16] < 60
    assert pixels[29, 16] > 180
    assert not pixels[:, :4].any()


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_broken_exif_is_ignored(film, kind):
    spoiled = encoded(Image.fromarray(film), kind, exif=b"Exif\0\0neither MM nor II")
    np.testing.assert_array_equal(load(spoiled, SIDE), load(encoded(Image.fromarray(film), kind), SIDE))


def test_scaled_decode_equals_full_decode():
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 256, (20, 20), np.uint8)).resize((900, 900), Image.Resampling.BICUBIC)
    image = encoded(coarse, "JPEG", quality=95)
    full = np.asarray(Image.open(io.BytesIO(image.data)).resize((64, 64), Image.Resampling.BICUBIC)).astype(int)
    assert abs(load(image, 64).astype(int) - full).mean() < 1


class Pixels:
    view = ""

    def __init__(self, pixels):
        self.pixels = pixels

    def fingerprint(self):
        return ""

    def read(self):
        return self.pixels


def test_pixels_pass_through(film):
    np.testing.assert_array_equal(load(Pixels(film[:, :48]), 48), film[:, :48])


@pytest.mark.parametrize(
    "pixels", [np.zeros((4, 4), np.float32), np.zeros((4, 4, 3), np.uint8), np.zeros((0, 4), np.uint8)]
)
def test_bad_pixels(pixels):
    with pytest.raises(DataError, match=r"expected uint8 grey pixels \[H, W\], found"):
        load(Pixels(pixels), SIDE)


def huge_png(side):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")
    )


def huge_jpeg(film):
    data = bytearray(encoded(Image.fromarray(film), "JPEG").data)
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", 20_000, 20_000)
    return bytes(data)


def halved(film, kind):
    data = encoded(Image.fromarray(np.tile(film, (9, 9))), kind).data
    return data[: len(data) // 2]


def wide_gap(film):
    data = bytearray(encoded(Image.fromarray(film)).data)
    at = data.index(b"IDAT")
    data[at + 8 : at + 40] = bytes(32)
    return bytes(data)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize(
    ("content", "message", "reason"),
    [
        (lambda film: None, "No such file or directory", "image missing"),
        (lambda film: b"", "expected a picture, found 0 bytes", "image empty"),
        (lambda film: b"not a picture\n", "expected a PNG, JPEG, TIFF, BMP, WEBP or DICOM picture", "not an image"),
        (lambda film: b"%PDF-1.7\n" + bytes(99), "found something else", "not an image"),
        (lambda film: halved(film, "PNG"), "truncated", "image broken"),
        (lambda film: halved(film, "JPEG"), "truncated", "image broken"),
        (lambda film: halved(film, "TIFF"), None, "image broken"),
        (lambda film: halved(film, "BMP"), "truncated", "image broken"),
        (lambda film: halved(film, "WEBP"), None, "image broken"),
        (wide_gap, "broken", "image broken"),
        (lambda film: b"\xff\xd8\xff\xe0" + bytes(99), None, "not an image"),
        (lambda film: huge_png(11_000), "11000 x 11000 pixels; the limit is 100 megapixels", "image too large"),
        (lambda film: huge_png(20_000), "20000 x 20000 pixels; the limit is 100 megapixels", "image too large"),
        (lambda film: huge_jpeg(film), "20000 x 20000 pixels; the limit is 100 megapixels", "image too large"),
        (
            lambda film: encoded(Image.fromarray(np.full((9, 9), np.nan, np.float32)), "TIFF").data,
            "found NaN",
            "image broken",
        ),
    ],
)
def test_bad_files(tmp_path, film, content, message, reason):
    path = tmp_path / "film.png"
    data = content(film)
    if data is not None:
        path.write_bytes(data)
    for fit in ("pad", "crop"):
        with pytest.raises(ImageError, match=message) as caught:
            load(ImageFile(path), SIDE, fit)
        assert str(caught.value).startswith(f"{path}: ")
        assert "\n" not in str(caught.value)
        assert caught.value.reason == reason


def test_a_file_of_many_bytes_is_not_read(monkeypatch, tmp_path, film):
    path = tmp_path / "film.png"
    path.write_bytes(encoded(Image.fromarray(film)).data)
    monkeypatch.setattr("medxpert.images.source.MAX_BYTES", 100)
    with pytest.raises(ImageError, match="bytes; the limit is 100 bytes") as caught:
        load(ImageFile(path), SIDE)
    assert caught.value.reason == "image too large"


def test_an_error_survives_pickling(tmp_path):
    with pytest.raises(ImageError) as caught:
        load(ImageFile(tmp_path / "none.png"), SIDE)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.reason) == (str(caught.value), "image missing")
    assert isinstance(again, DataError)


def test_folder_and_impossible_name(tmp_path):
    with pytest.raises(DataError, match="found a folder or a device"):
        load(ImageFile(tmp_path), SIDE)
    with pytest.raises(DataError, match="null byte"):
        load(ImageFile(tmp_path / "a\0b"), SIDE)


def test_unreadable(tmp_path, monkeypatch, film):
    path = tmp_path / "film.png"
    path.write_bytes(encoded(Image.fromarray(film)).data)

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ImageError, match=r"film.png: Permission denied$") as caught:
        load(ImageFile(path), SIDE)
    assert caught.value.reason == "image unreadable"


def test_bytes_are_named_by_their_size():
    with pytest.raises(DataError, match="picture of 4 bytes: expected a PNG"):
        load(ImageBytes(b"oops"), SIDE)


def test_fingerprints(tmp_path):
    path = tmp_path / "a.png"
    image = ImageFile(path, "PA")
    missing = image.fingerprint()
    path.write_bytes(b"1")
    first = image.fingerprint()
    path.write_bytes(b"12")
    longer = image.fingerprint()
    os.utime(path, ns=(1, 1))
    assert len({missing, first, longer, image.fingerprint()}) == 4
    assert ImageBytes(b"1").fingerprint() == ImageBytes(b"1", "AP").fingerprint() != ImageBytes(b"2").fingerprint()
    assert pickle.loads(pickle.dumps(image)) == image


def test_threads_agree(film):
    images = list(forms(film).values()) * 8
    alone = [load(image, SIDE) for image in images]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda image: load(image, SIDE), images))
    np.testing.assert_array_equal(together, alone)


def test_crop_cuts_and_pad_keeps(film):
    image = encoded(Image.fromarray(film))
    cut = load(image, SIDE, "crop")
    expected = np.asarray(Image.fromarray(film).resize((SIDE, SIDE), Image.Resampling.BICUBIC, box=(8, 0, 56, 48)))
    np.testing.assert_array_equal(cut, expected)
    assert cut.min() > 40


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("size", [(300, 200), (200, 317), (100, 60), (960, 640), (500, 500)])
def test_a_stored_picture_loads_like_the_original(kind, size):
    rng = np.random.default_rng(0)
    picture = Image.fromarray(rng.integers(0, 256, (7, 5), np.uint8)).resize(size, Image.Resampling.BICUBIC)
    image = encoded(picture, kind, quality=95)
    stored = load_whole(image, 256)
    assert max(stored.shape) == min(256, max(size))
    again = encoded(Image.fromarray(stored))
    for side, fit, most in ((256, "pad", 0.1), (224, "pad", 2), (128, "crop", 1), (64, "pad", 2)):
        difference = abs(load(again, side, fit).astype(int) - load(image, side, fit))
        assert difference.mean() < most, (side, fit)


def test_pixels_given_are_not_shared(film):
    square = film[:, :48].copy()
    load(Pixels(square), 48)[:] = 0
    load_whole(Pixels(square), 48)[:] = 0
    assert square.all()


@pytest.mark.shared
@pytest.mark.skipif(not CXR.is_dir(), reason="no real radiographs beside the project")
def test_real_originals():
    for path in sorted((CXR / "originals").iterdir()):
        pixels = load(ImageFile(path), 224)
        assert pixels.std() > 20, path
