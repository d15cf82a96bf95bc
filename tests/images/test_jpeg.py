import io
import struct
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from medxpert.images import jpeg, pictures
from medxpert.images.errors import ImageError
from medxpert.images.files import ImageBytes, load
from medxpert.images.jpeg import decode_jpeg, read_header
from medxpert.images.resize import Goal


def film(size):
    """A smooth film with some structure and grain."""
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(30, 226, (12, 10), np.uint8)).resize(size, Image.Resampling.BICUBIC)
    grain = rng.normal(0, 2, (size[1], size[0]))
    return Image.fromarray((np.asarray(coarse) + grain).clip(0, 255).astype(np.uint8))


def encoded(picture, **options):
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", **({"quality": 95} | options))
    return buffer.getvalue()


def fully(data, side, fit):
    """Decode all pixels with PIL, then resize."""
    picture = Image.open(io.BytesIO(data)).convert("L")
    width, height = picture.size
    if fit == "crop":
        half = min(width, height) / 2
        box = (width / 2 - half, height / 2 - half, width / 2 + half, height / 2 + half)
        return np.asarray(picture.resize((side, side), Image.Resampling.BICUBIC, box=box)).astype(int)
    size = [max(1, round(length * side / max(width, height))) for length in (width, height)]
    square = Image.new("L", (side, side))
    square.paste(picture.resize(size, Image.Resampling.BICUBIC), ((side - size[0]) // 2, (side - size[1]) // 2))
    return np.asarray(square).astype(int)


@pytest.fixture
def no_pil(monkeypatch):
    def refuse(*_):
        raise AssertionError("decoded by PIL")

    monkeypatch.setattr(pictures, "shrink", refuse)


@pytest.mark.usefixtures("no_pil")
@pytest.mark.parametrize("fit", ["pad", "crop"])
@pytest.mark.parametrize("side", [64, 224])
@pytest.mark.parametrize("size", [(256, 256), (500, 600), (1273, 1531), (1000, 333), (100, 90), (17, 501)])
def test_scaled_decode_is_close_to_the_full_decode(size, side, fit):
    data = encoded(film(size))
    difference = abs(decode_jpeg(data, side, fit).astype(int) - fully(data, side, fit))
    assert difference.mean() < 0.7
    assert difference.max() <= 40


@pytest.mark.usefixtures("no_pil")
def test_a_decoded_size_that_covers_part_of_a_pixel_is_no_shift():
    """2373 / 4 is 593.25, but the decoder gives 594 pixels; taken as they are they shift the film by a third of one."""
    edges = np.zeros((2373, 2373), np.uint8)
    edges[:, 2300:] = 200
    data = encoded(Image.fromarray(edges))
    row = decode_jpeg(data, 224)[100].astype(float)
    assert abs((200 - row) / 200).sum() == pytest.approx(2300 * 224 / 2373, abs=0.05)


@pytest.mark.usefixtures("no_pil")
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"optimize": True}, {"subsampling": 2}])
def test_forms_of_colour(options):
    rng = np.random.default_rng(1)
    bands = [Image.fromarray(rng.integers(0, 256, (9, 9), np.uint8)).resize((300, 300)) for _ in range(3)]
    data = encoded(Image.merge("RGB", bands), **options)
    assert abs(decode_jpeg(data, 300).astype(int) - fully(data, 300, "pad")).max() <= 2


@pytest.mark.usefixtures("no_pil")
def test_same_size_is_not_resampled():
    data = encoded(film((256, 256)))
    np.testing.assert_array_equal(decode_jpeg(data, 256), np.asarray(Image.open(io.BytesIO(data))))


@pytest.mark.usefixtures("no_pil")
def test_any_buffer():
    data = encoded(film((320, 240)))
    around = memoryview(b"before" + data + b"after")[6:-5]
    pixels = decode_jpeg(around, 96)
    np.testing.assert_array_equal(pixels, decode_jpeg(data, 96))
    np.testing.assert_array_equal(pixels, decode_jpeg(bytearray(data), 96))
    assert pixels.flags.writeable


def test_threads_agree():
    datas = [encoded(film((200 + 9 * n, 300))) for n in range(8)] * 4
    alone = [decode_jpeg(data, 96) for data in datas]
    with ThreadPoolExecutor(4) as pool:
        np.testing.assert_array_equal(list(pool.map(lambda data: decode_jpeg(data, 96), datas)), alone)


@pytest.mark.parametrize("mode", ["CMYK", "L"])
def test_odd_jpegs_are_left_to_pil(monkeypatch, mode):
    data = encoded(film((200, 200)).convert(mode))
    if mode == "L":
        frame = data.index(b"\xff\xc0")
        data = data[: frame + 4] + b"\x0c" + data[frame + 5 :]
    monkeypatch.setattr(pictures, "shrink", lambda _, goal: np.full((goal.side, goal.side), 7, np.uint8))
    assert (decode_jpeg(data, 32) == 7).all()


def test_header():
    exif = Image.Exif()
    exif[0x0112] = 3
    plain, turned = encoded(film((30, 20))), encoded(film((30, 20)), exif=exif)
    assert read_header(plain) == ((30, 20), True, False)
    assert read_header(turned) == ((30, 20), True, True)
    assert read_header(plain[:2] + b"\xff" * 5 + plain[2:]) == ((30, 20), True, False)
    assert read_header(encoded(film((30, 20)).convert("CMYK"))).plain is False
    assert read_header(b"\xff\xd8\xff\xe0") is None
    assert read_header(b"\xff\xd8" + b"\xff\xe0\x00\x02" * 9) is None
    assert read_header(b"\xff\xd8\xff\xe0\xff\xff" + bytes(99)) is None


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("size", [(256, 256), (1000, 1200)])
def test_truncated(size, kept):
    data = encoded(film(size))
    with pytest.raises(ImageError, match=r"picture of \d+ bytes: .*(truncated|something else)") as caught:
        decode_jpeg(data[: int(len(data) * kept)], 64)
    assert caught.value.reason in ("image broken", "not an image")


def test_harmless_oddities_are_read():
    data = encoded(film((200, 200)))
    expected = decode_jpeg(data, 64)
    np.testing.assert_array_equal(decode_jpeg(data + b"\0\0trailing", 64), expected)
    stray = data[:-2] + b"\0\0\0" + data[-2:]
    assert abs(decode_jpeg(stray, 64).astype(int) - expected).max() <= 2


def test_broken_exif_is_ignored():
    data = encoded(film((64, 64)))
    for segment in (b"Exif\0\0MM\0*" + bytes([255] * 20), b"Exif\0\0" + b"neither MM nor II"):
        spoiled = data[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + data[2:]
        np.testing.assert_array_equal(decode_jpeg(spoiled, 64), decode_jpeg(data, 64))


@pytest.mark.usefixtures("no_pil")
def test_load_takes_this_way():
    data = encoded(film((501, 333)))
    np.testing.assert_array_equal(load(ImageBytes(data), 64), decode_jpeg(data, 64))


def test_the_limit_counts_before_decoding(monkeypatch):
    monkeypatch.setattr(jpeg.simplejpeg, "decode_jpeg", None)
    data = bytearray(encoded(film((64, 64))))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", 20_000, 20_000)
    with pytest.raises(ImageError, match="20000 x 20000 pixels; the limit is 100 megapixels"):
        decode_jpeg(data, 64)


@pytest.mark.parametrize(("size", "side", "eighths"), [(256, 224, 7), (256, 256, 8), (320, 224, 7), (3000, 224, 1)])
def test_eighths(size, side, eighths):
    assert jpeg._eighths(Goal(side).size((size, size))._replace(width=size, height=size), Goal(side)) == eighths
