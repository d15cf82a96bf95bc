import io
import struct
import wave
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image
from trees import dicoms

from medxpert.app.content import check_size, image_suffix, shown_name, sound_suffix
from medxpert.errors import DataError


def picture(kind, side=48):
    grey = np.linspace(0, 255, side * side).astype(np.uint8).reshape(side, side)
    buffer = io.BytesIO()
    Image.fromarray(grey).save(buffer, kind)
    return buffer.getvalue()


def sound():
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes((8_000 * np.sin(np.arange(16_000) / 8)).astype("<i2").tobytes())
    return buffer.getvalue()


def png_bomb(side):
    """Return a PNG of a few hundred bytes whose header claims side x side pixels."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


def archive():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("a.png", picture("PNG"))
    return buffer.getvalue()


@pytest.fixture
def dicom(tmp_path):
    def make(state="whole", **header):
        dicoms.write(tmp_path / "made.dcm", np.zeros((32, 24), np.uint8), state, **header)
        return (tmp_path / "made.dcm").read_bytes()

    return make


@pytest.mark.parametrize(("kind", "suffix"), [("PNG", ".png"), ("JPEG", ".jpg"), ("TIFF", ".tif")])
def test_the_content_gives_the_suffix_whatever_the_name(kind, suffix):
    assert image_suffix("evil.html", picture(kind), 1) == suffix


def test_a_dicom_with_and_without_its_preamble(dicom):
    assert image_suffix("a.png", dicom(), 1) == ".dcm"
    assert image_suffix("a.DCM", dicom()[132:], 1) == ".dcm"
    with pytest.raises(DataError, match=r"^a\.png: expected PNG, JPEG, TIFF or DICOM, found something else; convert"):
        image_suffix("a.png", dicom()[132:], 1)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (archive(), "a ZIP archive; unpack it"),
        (b"%PDF-1.7\n", "a PDF; save"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "markup; save"),
        (b"\n <!DOCTYPE html><html>", "markup; save"),
        (b"GIF89a\x01\0", "a GIF; save"),
        (sound(), "a recording; speak"),
        (b"MZ\x90\0 a program", "something else; convert it to PNG"),
        (b"no film at all", "something else; convert it to PNG"),
    ],
)
@pytest.mark.parametrize("name", ["film.png", "film.dcm"])
def test_what_is_no_image_is_refused_by_its_content(content, found, name):
    with pytest.raises(DataError, match=f"{name}: expected PNG, JPEG, TIFF or DICOM, found {found}"):
        image_suffix(name, content, 1)


@pytest.mark.parametrize(
    ("content", "limit"), [(png_bomb(30_000), 64), (png_bomb(1001), 1), (picture("TIFF", 1100), 1)]
)
def test_pixels_are_counted_before_any_is_decoded(content, limit, monkeypatch):
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", None)
    with pytest.raises(DataError, match=rf"^a: expected at most {limit} megapixels, found [\d,]+ x [\d,]+; send a sm"):
        image_suffix("a", content, limit)


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ({"Rows": 60_000, "Columns": 60_000}, "expected at most 64 megapixels, found 60,000 x 60,000; "),
        ({"NumberOfFrames": "12"}, "expected one frame, found 12; split the file first"),
        ({"NumberOfFrames": "-3"}, "expected one frame, found -3; "),
    ],
)
def test_a_dicom_header_is_believed_only_so_far(dicom, header, told):
    content = dicom("pixelless", **{"Rows": 32, "Columns": 24, **header})
    with pytest.raises(DataError, match=f"^a.dcm: {told}"):
        image_suffix("a.dcm", content, 64)


def test_a_dicom_without_pixels(dicom):
    with pytest.raises(DataError, match=r"^a: expected a DICOM with pixels, found none; choose the image"):
        image_suffix("a", dicom("pixelless"), 1)


def test_a_deflated_dicom_is_not_inflated(dicom):
    content = dicom().replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.1.99")
    with pytest.raises(DataError, match="not deflated, found a deflated one; export it uncompressed"):
        image_suffix("a.dcm", content, 1)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_a_broken_header_names_nothing_of_its_content(dicom):
    for content in (dicom()[:140], b"\x89PNG\r\n\x1a\n\0\0\0\rIHDRsecret", b"II*\0\xff\xff\xff\xff"):
        with pytest.raises(DataError, match=r"^a\.dcm: expected .*; (export it again|choose the image)") as error:
            image_suffix("a.dcm", content, 1)
        assert "secret" not in str(error.value)


def test_sounds_by_their_content():
    assert sound_suffix("a.exe", sound()) == ".wav"
    assert sound_suffix("a", b"fLaC....") == ".flac"
    assert sound_suffix("a", b"OggS....") == ".ogg"
    with pytest.raises(DataError, match=r"^a\.wav: expected WAV, FLAC or OGG, found something else; convert it to WAV"):
        sound_suffix("a.wav", picture("PNG"))
    with pytest.raises(DataError, match="found another kind of recording; convert it to WAV"):
        sound_suffix("a.wav", b"ID3\x04")


def test_sizes():
    check_size("a", bytes(1 << 20), 1)
    with pytest.raises(DataError, match=r"^a: expected at most 64 MB, found 70 MB; send a smaller file"):
        check_size("a", bytes(70 << 20), 64)
    with pytest.raises(DataError, match="found 0 bytes"):
        check_size("a", b"", 1)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\films\\Müller.png", "Müller.png"),
        ("a\0b\n c\u202egnp.exe", "ab cgnp.exe"),
        ("\u200bfilm\ud800.png", "film.png"),
        ("..", "upload"),
        ("", "upload"),
        ("/", "upload"),
        ("<img src=x onerror=alert(1)>.png", "<img src=x onerror=alert(1)>.png"),
        ("a" * 200 + ".png", "a" * 75 + "….png"),
        ("a" * 200, "a" * 79 + "…"),
        ("." * 200, "upload"),
    ],
)
def test_names_are_one_short_line_without_folders(name, shown):
    assert shown_name(name) == shown
