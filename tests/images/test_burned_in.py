from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from medxpert.images.burned_in import burned_in
from medxpert.images.files import ImageFile, load_whole
from medxpert.images.header import DicomHeader
from medxpert.phantom.patients import draw_patient
from medxpert.phantom.rendering import render

CXR = Path(__file__).parents[3] / "shared" / "cxr"


@pytest.fixture(scope="module")
def films():
    """Phantom films of 256 px, each with its side marker."""
    return [render(study.scene, 256) for patient in range(20) for study in draw_patient(0, patient)][:40]


def written(film, text, size, place, turned=False, grey=255):
    """Print text on a film [H, W] on a dark ground, at four times the size and then shrunk as a real film is."""
    large = Image.fromarray(film).resize((1024, 1024), Image.Resampling.BICUBIC)
    font = ImageFont.load_default(4 * size)
    box = ImageDraw.Draw(large).textbbox((0, 0), text, font=font)
    label = Image.new("L", (int(box[2]) + 24, int(box[3]) + 24), 25)
    ImageDraw.Draw(label).text((12, 8), text, fill=grey, font=font)
    if turned:
        label = label.transpose(Image.Transpose.ROTATE_90)
    left = 8 if "left" in place else 1016 - label.width
    top = 8 if "top" in place else 1016 - label.height
    large.paste(label, (left, top))
    return np.asarray(large.resize((256, 256), Image.Resampling.BICUBIC, reducing_gap=3.0))


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("place", ["top left", "top right", "bottom left", "bottom right"])
@pytest.mark.parametrize(("text", "size"), [("DOE JOHN 1956", 9), ("PORTABLE", 11), ("JOHN", 14), ("MRN 4711", 24)])
def test_a_line_of_text_counts(films, text, size, place, turned):
    found = [burned_in(None, written(film, text, size, place, turned)) for film in films[:8]]
    assert found.count("a line of text near the border") >= 7


@pytest.mark.parametrize("size", [9, 14, 24, 36])
@pytest.mark.parametrize("letter", ["L", "R"])
def test_a_side_marker_does_not(films, letter, size):
    found = [burned_in(None, written(film, letter, size, "top right")) for film in films[:12]]
    assert found.count("") >= 11


def test_phantoms_are_free_of_text(films):
    assert len(films) >= 30
    assert [burned_in(None, film) for film in films].count("") >= 0.97 * len(films)


def test_text_in_the_middle_or_too_faint_does_not_count(films):
    dark = np.zeros((256, 256), np.uint8)
    assert burned_in(None, written(dark, "DOE JOHN 1956", 12, "top left"))
    assert not burned_in(None, written(dark, "DOE JOHN 1956", 12, "top left", grey=60))
    label = written(dark, "JOHN", 14, "top left")[:40, :80]
    centred = dark.copy()
    centred[108:148, 88:168] = label
    assert not burned_in(None, centred)


def test_strokes_at_both_edges_are_no_line():
    film = np.zeros((256, 256), np.uint8)
    film[100:130, [3, 7, 248, 252]] = 255
    assert not burned_in(None, film)
    film[100:130, [11, 15]] = 255
    assert burned_in(None, film)


@pytest.mark.parametrize("shape", [(1, 1), (5, 300), (127, 400), (128, 128), (300, 129), (512, 400)])
def test_any_shape(shape):
    rng = np.random.default_rng(0)
    assert burned_in(None, np.zeros(shape, np.uint8)) == ""
    assert burned_in(None, rng.integers(0, 256, shape, np.uint8)) in ("", "a line of text near the border")
    wide = np.asfortranarray(np.full(shape, 200, np.uint8))
    assert burned_in(None, wide) == ""


def test_the_header_is_believed_when_it_says_yes(films):
    assert burned_in(DicomHeader(burned_in="YES"), films[0]) == "header says burned-in annotation"
    printed = written(films[0], "DOE JOHN 1956", 12, "top left")
    assert burned_in(DicomHeader(burned_in="NO"), printed) == "a line of text near the border"


@pytest.mark.shared
@pytest.mark.skipif(not CXR.is_dir(), reason="no real radiographs beside the project")
def test_real_films_are_seldom_named():
    films = [load_whole(ImageFile(path), 256) for path in sorted((CXR / "images").iterdir())]
    share = sum(bool(burned_in(None, film)) for film in films) / len(films)
    assert 0.02 < share < 0.08
