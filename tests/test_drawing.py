import io
import subprocess
import sys

import numpy as np
import PIL.Image
import pytest

from medxpert.drawing import BACKGROUND, QUERY, RIGHT, Tile, _face, contact_sheet, wrap

GREY = np.full((40, 60), 128, np.uint8)


def pixel(sheet, place):
    return "#{:02x}{:02x}{:02x}".format(*sheet.getpixel(place))


def encoded():
    stream = io.BytesIO()
    PIL.Image.fromarray(GREY).save(stream, "PNG")
    return stream.getvalue()


@pytest.mark.parametrize("image", [GREY, PIL.Image.fromarray(GREY), encoded()])
def test_pictures_of_every_kind_fill_the_width(image):
    sheet = contact_sheet([Tile(image)], columns=3, side=100)
    assert sheet.width == 100 + 2 * 14
    assert pixel(sheet, (64, 64)) == "#808080"
    assert pixel(sheet, (2, 2)) == BACKGROUND


def test_frame_surrounds_the_tile():
    sheet = contact_sheet([Tile(GREY, frame=RIGHT), Tile(GREY, frame=QUERY), Tile(GREY)], columns=2, side=80)
    assert pixel(sheet, (15, 60)) == RIGHT
    assert pixel(sheet, (14 + 80 + 14 + 1, 60)) == QUERY
    assert sheet.width == 2 * 80 + 3 * 14


def test_rows_grow_with_their_text_up_to_a_limit():
    heights = [contact_sheet([Tile(GREY, text="word " * count)], 1, 120).height for count in (1, 12, 400, 4000)]
    assert heights[0] < heights[1] < heights[2] == heights[3]


def test_a_row_is_as_tall_as_its_tallest_tile():
    short, tall = Tile(GREY, text="word"), Tile(GREY, text="word " * 60)
    assert contact_sheet([short, tall], 2, 120).height == contact_sheet([tall], 1, 120).height


def test_heading_and_notice_take_room():
    plain = contact_sheet([Tile(GREY)], 1, 200).height
    assert contact_sheet([Tile(GREY)], 1, 200, heading="H").height > plain
    assert contact_sheet([Tile(GREY)], 1, 200, notice="N").height > plain


def test_badge_and_title_are_drawn():
    bare = contact_sheet([Tile(GREY)], 1, 100)
    marked = contact_sheet([Tile(GREY, badge="0.93")], 1, 100)
    assert bare.size == marked.size
    assert bare.tobytes() != marked.tobytes()
    assert contact_sheet([Tile(GREY, "a title far too long for one hundred pixels")], 1, 100).height > bare.height


def test_text_only_tile_is_at_least_square():
    assert contact_sheet([Tile(None, "t", "few words")], 1, 100).height == 100 + 2 * 14


@pytest.mark.parametrize("text", ["", "one", "No pneumothorax. " * 9, "x" * 300, "two\nlines", "tórax ≥ 3"])
def test_wrapped_lines_fit_and_lose_nothing(text):
    face = _face(200)
    lines = wrap(text, face, 120)
    assert all(face.width(line) <= 120 for line in lines)
    assert "".join(lines).replace(" ", "") == "".join(text.split())


def test_drawing_loads_no_plotting_library():
    code = "import sys, medxpert.drawing as d; d._face(100); sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_long_words_and_strange_titles_are_drawn_at_once():
    sheet = contact_sheet([Tile(None, "a\nb\x85c" * 9, "x" * 30_000, badge="y" * 3000)], 1, 200)
    assert sheet.width < 400
