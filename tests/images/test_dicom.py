import io
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom import uid
from pydicom.pixels import apply_modality_lut, apply_voi_lut
from pydicom.sequence import Sequence

from medxpert.images.errors import ImageError
from medxpert.images.files import ImageBytes, ImageFile, load, load_whole
from medxpert.images.header import read_header

CXR = Path(__file__).parents[3] / "shared" / "cxr"


def seen(data):
    return load_whole(ImageBytes(data), 4096).astype(int)


def stretched(values):
    values = values.astype(np.float64)
    return np.rint((values - values.min()) * 255 / np.ptp(values)).astype(int)


def table(first, values, bits=12):
    item = pydicom.Dataset()
    item.LUTDescriptor = [len(values), first, bits]
    item["LUTDescriptor"].VR = "US" if first >= 0 else "SS"
    item.LUTData = [int(value) for value in values]
    item["LUTData"].VR = "US"
    return Sequence([item])


def shown_by_pydicom(data):
    """What pydicom makes of modality LUT and VOI, put on 0..255 by its own output range."""
    dataset = pydicom.dcmread(io.BytesIO(data))
    values = apply_modality_lut(dataset.pixel_array, dataset)
    ends = apply_voi_lut(np.array([-1e6, 1e6]), dataset)
    shown = apply_voi_lut(values, dataset)
    return np.rint(255 * (shown - ends[0]) / (ends[1] - ends[0])).astype(int)


@pytest.mark.parametrize(
    "syntax", [uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian, uid.DeflatedExplicitVRLittleEndian]
)
@pytest.mark.parametrize("bits", [12, 16])
def test_deep_values_are_stretched_where_no_window_is_given(dicom_file, ramp, syntax, bits):
    np.testing.assert_array_equal(seen(dicom_file(ramp, syntax, bits)), stretched(ramp))


@pytest.mark.parametrize("syntax", [uid.RLELossless, uid.JPEG2000Lossless])
def test_lossless_syntaxes(dicom_file, ramp, syntax):
    ramp = np.tile(ramp, (2, 2))
    np.testing.assert_array_equal(seen(dicom_file(ramp, syntax, 12)), stretched(ramp))


@pytest.mark.parametrize("name", ["JPEGLosslessSV1", "JPEGLSLossless", "HTJ2KLossless", "JPEGExtended12Bit"])
def test_syntaxes_from_stored_frames(dicom_file, ramp, frames, name):
    shown = seen(dicom_file(ramp, getattr(uid, name), 12, frames[name]))
    assert abs(shown - stretched(ramp)).max() <= (1 if name == "JPEGExtended12Bit" else 0)


def test_eight_bits_are_shown_as_they_are(dicom_file, ramp):
    grey = np.tile(ramp // 40, (2, 2)).astype(np.uint8)
    for syntax in (uid.ExplicitVRLittleEndian, uid.RLELossless, uid.JPEG2000Lossless):
        np.testing.assert_array_equal(seen(dicom_file(grey, syntax)), grey)
    smooth = np.linspace(10, 240, 64).astype(np.uint8)[None].repeat(64, 0)
    assert abs(seen(dicom_file(smooth, uid.JPEGBaseline8Bit)) - smooth).max() <= 3


def test_a_linear_rescale_alone_does_not_change_eight_bits(dicom_file, ramp):
    grey = (ramp // 40).astype(np.uint8)
    np.testing.assert_array_equal(seen(dicom_file(grey, RescaleSlope="3", RescaleIntercept="-7")), grey)


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize(("center", "width"), [(2000, 1000), (1500.5, 133), (3000, 4096)])
@pytest.mark.parametrize("rescale", [{}, {"RescaleSlope": "2", "RescaleIntercept": "-500"}])
def test_windows_equal_pydicom(dicom_file, ramp, function, center, width, rescale):
    data = dicom_file(ramp, bits=12, WindowCenter=center, WindowWidth=width, VOILUTFunction=function, **rescale)
    expected = shown_by_pydicom(data)
    assert np.ptp(expected) > 20
    assert abs(seen(data) - expected).max() <= 1


def test_signed_values(dicom_file, ramp):
    signed = ramp.astype(np.int16) - 2000
    data = dicom_file(signed, bits=12, WindowCenter=0, WindowWidth=2000)
    assert abs(seen(data) - shown_by_pydicom(data)).max() <= 1
    np.testing.assert_array_equal(seen(dicom_file(signed, bits=12)), stretched(ramp))
    half = (signed // 20).astype(np.int8)
    np.testing.assert_array_equal(seen(dicom_file(half, bits=8)), half.astype(int) + 128)


def test_the_first_of_several_windows(dicom_file, ramp):
    several = dicom_file(ramp, bits=12, WindowCenter=[1500, 3000], WindowWidth=[1000, 50])
    np.testing.assert_array_equal(seen(several), seen(dicom_file(ramp, bits=12, WindowCenter=1500, WindowWidth=1000)))


@pytest.mark.parametrize(
    "window",
    [
        {"WindowCenter": 2000, "WindowWidth": 0},
        {"WindowCenter": 2000},
        {"WindowCenter": "", "WindowWidth": ""},
        {"WindowCenter": 60_000, "WindowWidth": 5},
    ],
)
def test_a_window_that_shows_nothing_is_not_used(dicom_file, ramp, window):
    np.testing.assert_array_equal(seen(dicom_file(ramp, bits=12, **window)), stretched(ramp))


def test_voi_lut_wins_over_the_window(dicom_file, ramp):
    curve = np.minimum(np.arange(4096) ** 2 // 4096, 4095)
    data = dicom_file(ramp, bits=12, VOILUTSequence=table(0, curve), WindowCenter=1, WindowWidth=2)
    assert abs(seen(data) - np.rint(curve[ramp] * 255 / curve.max())).max() <= 1


def test_values_outside_of_a_lut_take_its_ends(dicom_file, ramp):
    shown = seen(dicom_file(ramp, bits=12, VOILUTSequence=table(1000, np.arange(0, 4000, 4))))
    assert not shown[ramp <= 1000].any()
    assert (shown[ramp >= 1999] == 255).all()


def test_modality_lut_comes_before_the_window(dicom_file, ramp):
    falling = np.arange(4095, -1, -1)
    data = dicom_file(ramp, bits=12, ModalityLUTSequence=table(0, falling, 16), WindowCenter=2048, WindowWidth=4096)
    assert abs(seen(data) - np.rint((4095 - ramp.astype(int)) * 255 / 4095)).max() <= 1


@pytest.mark.parametrize(
    "elements",
    [
        {"PhotometricInterpretation": "MONOCHROME1"},
        {"PresentationLUTShape": "INVERSE"},
        {"PhotometricInterpretation": "MONOCHROME1", "PresentationLUTShape": "INVERSE"},
    ],
)
def test_inversion_happens_once(dicom_file, ramp, elements):
    for window in ({}, {"WindowCenter": 2000, "WindowWidth": 4000}):
        straight, turned = dicom_file(ramp, bits=12, **window), dicom_file(ramp, bits=12, **window, **elements)
        assert abs(255 - seen(straight) - seen(turned)).max() <= 1
    grey = (ramp // 40).astype(np.uint8)
    np.testing.assert_array_equal(seen(dicom_file(grey, **elements)), 255 - grey.astype(int))


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("window", [{}, {"WindowCenter": 2000, "WindowWidth": 4000}])
def test_padding_is_black_and_does_not_stretch(dicom_file, ramp, photometric, window):
    filled = ramp.copy()
    filled[:3] = 60_000
    filled[3] = 59_001
    elements = {"PixelPaddingValue": 60_000, "PixelPaddingRangeLimit": 59_000, **window}
    shown = seen(dicom_file(filled, PhotometricInterpretation=photometric, **elements))
    bare = seen(dicom_file(ramp[4:], PhotometricInterpretation=photometric, **window))
    assert not shown[:4].any()
    assert abs(shown[4:] - bare).max() <= 1


@pytest.mark.parametrize("syntax", [uid.ExplicitVRLittleEndian, uid.RLELossless, uid.JPEGBaseline8Bit])
def test_colour_becomes_luma(dicom_file, syntax):
    rows, columns = np.mgrid[:32, :48]
    colour = np.stack([5 * columns, 7 * rows, 100 + columns + rows], axis=-1).astype(np.uint8)
    expected = np.asarray(Image.fromarray(colour).convert("L")).astype(int)
    assert abs(seen(dicom_file(colour, syntax)) - expected).max() <= 6


def test_palette_becomes_luma(dicom_file):
    places = np.arange(256, dtype=np.uint8).reshape(16, 16)
    entries = (np.arange(256, dtype=np.uint16)[::-1] * 257).astype("<u2").tobytes()
    palette = {}
    for colour in ("Red", "Green", "Blue"):
        palette[f"{colour}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        palette[f"{colour}PaletteColorLookupTableData"] = entries
    shown = seen(dicom_file(places, PhotometricInterpretation="PALETTE COLOR", **palette))
    np.testing.assert_array_equal(shown, 255 - places.astype(int))


def test_without_preamble_the_name_decides(dicom_file, ramp, tmp_path):
    data = dicom_file(ramp, bits=12, preamble=False)
    for name in ("film.dcm", "film.DICOM"):
        (tmp_path / name).write_bytes(data)
        np.testing.assert_array_equal(load_whole(ImageFile(tmp_path / name), 99), stretched(ramp))
        assert read_header(tmp_path / name).rows == 20
    (tmp_path / "film.bin").write_bytes(data)
    with pytest.raises(ImageError) as caught:
        load(ImageFile(tmp_path / "film.bin"), 32)
    assert caught.value.reason == "not an image"


def test_an_ordinary_picture_under_a_dicom_name(tmp_path, ramp):
    Image.fromarray((ramp // 40).astype(np.uint8)).save(tmp_path / "film.dcm", "PNG")
    np.testing.assert_array_equal(load_whole(ImageFile(tmp_path / "film.dcm"), 99), ramp // 40)
    (tmp_path / "text.dcm").write_text("no film at all, only a text under a wrong name")
    with pytest.raises(ImageError) as caught:
        load(ImageFile(tmp_path / "text.dcm"), 32)
    assert caught.value.reason in ("image broken", "not an image")


@pytest.mark.parametrize("charset", ["ISO_IR 100", "ISO_IR 192", "GB18030", "KLINGON", "", "\\ISO 2022 IR 87"])
def test_any_charset(dicom_file, ramp, charset):
    data = dicom_file(ramp, bits=12, SpecificCharacterSet="ISO_IR 100", PatientName="Müller^Jörg", PatientID="Ä1")
    named = charset.ljust(10)[:10].encode()
    data = data.replace(b"ISO_IR 100", named)
    np.testing.assert_array_equal(seen(data), stretched(ramp))
    assert read_header(data).columns == 24


def report(dicom_file, ramp):
    return dicom_file(ramp, PixelData=None, SOPClassUID=uid.BasicTextSRStorage, Modality="SR")


@pytest.mark.parametrize(
    ("build", "message", "reason"),
    [
        (lambda make, ramp: report(make, ramp), "expected a DICOM with pixels, found none", "DICOM without pixels"),
        (
            lambda make, ramp: make(np.stack([ramp, ramp]).reshape(40, 24), Rows=20, NumberOfFrames=2),
            "expected one frame, found 2",
            "multi-frame DICOM",
        ),
        (lambda make, ramp: make(ramp, Rows=20_000, Columns=20_000), "limit is 100 megapixels", "image too large"),
        (lambda make, ramp: make(ramp, Rows=0), "expected rows and columns, found 24 x 0", "image broken"),
        (lambda make, ramp: make(ramp, Rows=21), "found broken data", "image broken"),
        (lambda make, ramp: make(ramp)[:-50], "found broken data", "image broken"),
        (lambda make, ramp: make(ramp)[:300], "", "image broken"),
        (lambda make, ramp: make(ramp, uid.RLELossless)[:-50], "is the file cut?", "image broken"),
        (
            lambda make, ramp: make(ramp, PhotometricInterpretation="XYZ"),
            "found something else",
            "unsupported DICOM",
        ),
        (
            lambda make, ramp: make(ramp, uid.MPEG2MPML, frame=b"\0" * 64),
            "expected the transfer syntax of a still picture, found MPEG2",
            "unsupported DICOM",
        ),
    ],
)
def test_refusals(dicom_file, ramp, build, message, reason):
    data = build(dicom_file, ramp)
    with pytest.raises(ImageError) as caught:
        load(ImageBytes(data), 32)
    assert caught.value.reason == reason
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"picture of {len(data)} bytes: ")


def test_a_frame_larger_than_the_header_says_is_not_decoded(dicom_file, ramp):
    data = dicom_file(np.tile(ramp, (2, 2)), uid.JPEG2000Lossless, 12)
    at = data.index(b"\xff\x4f\xff\x51") + 8
    huge = data[:at] + (60_000).to_bytes(4, "big") * 2 + data[at + 8 :]
    with pytest.raises(ImageError, match="expected a frame of 48 x 40 pixels, found 60000 x 60000"):
        seen(huge)


@pytest.mark.parametrize("name", ["JPEGLosslessSV1", "JPEGLSLossless", "JPEGExtended12Bit", "HTJ2KLossless"])
def test_truncated_frames(dicom_file, ramp, frames, name):
    frame = frames[name]
    with pytest.raises(ImageError) as caught:
        seen(dicom_file(ramp, getattr(uid, name), 12, frame[: len(frame) * 2 // 3]))
    assert caught.value.reason == "image broken"


def test_a_truncated_baseline_frame(dicom_file):
    smooth = np.tile(np.arange(200, dtype=np.uint8), (200, 1))
    buffer = io.BytesIO()
    Image.fromarray(smooth).save(buffer, "JPEG")
    with pytest.raises(ImageError) as caught:
        seen(dicom_file(smooth, uid.JPEGBaseline8Bit, frame=buffer.getvalue()[:-300]))
    assert caught.value.reason == "image broken"


def test_a_missing_decoder_names_the_command(dicom_file, ramp, frames, monkeypatch):
    decoder = pydicom.pixels.get_decoder(uid.JPEGLSLossless)
    monkeypatch.setattr(decoder, "_available", {})
    data = dicom_file(ramp, uid.JPEGLSLossless, 12, frames["JPEGLSLossless"])
    with pytest.raises(ImageError, match=r"run: pip install .medxpert") as caught:
        seen(data)
    assert caught.value.reason == "DICOM decoder missing"


@pytest.mark.parametrize("name", ["JPEGBaseline8Bit", "RLELossless", "JPEG2000Lossless", "JPEGLSLossless"])
def test_gdcm_is_never_asked(dicom_file, ramp, frames, monkeypatch, name):
    """It ends the process on some broken frames."""
    asked, as_array = [], pydicom.pixels.decoders.base.Decoder.as_array

    def recorded(self, *arguments, decoding_plugin, **options):
        asked.append(decoding_plugin)
        return as_array(self, *arguments, decoding_plugin=decoding_plugin, **options)

    monkeypatch.setattr(pydicom.pixels.decoders.base.Decoder, "as_array", recorded)
    pixels = ramp if name in frames else np.tile(ramp // 40, (2, 2)).astype(np.uint8)
    seen(dicom_file(pixels, getattr(uid, name), frame=frames.get(name)))
    assert asked == [{"JPEGBaseline8Bit": "pillow", "RLELossless": "pydicom"}.get(name, "pylibjpeg")]


def test_fit_and_side(dicom_file, ramp):
    image = ImageBytes(dicom_file(ramp, bits=12))
    assert load(image, 48).shape == (48, 48)
    assert not load(image, 48)[:3].any()
    assert load(image, 48, "crop").min(axis=1)[1:].all()


@pytest.mark.shared
@pytest.mark.skipif(not CXR.is_dir(), reason="no real radiographs beside the project")
def test_real_dicoms():
    paths = sorted((CXR / "dicom").iterdir())
    shown = {read_header(path).photometric: load(ImageFile(path), 256).astype(int) for path in paths}
    # the same pixels, one copy with the flag changed only
    assert abs(255 - shown["MONOCHROME1"] - shown["MONOCHROME2"]).max() <= 1
    film = shown["MONOCHROME2"]
    lungs, mediastinum = film[90:150, 60:100].mean(), film[90:150, 118:138].mean()
    assert mediastinum > lungs + 40
    assert {read_header(path).view for path in paths} == {"PA"}
