import json
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from PIL import Image
from streamlit.testing.v1 import AppTest

from medxpert.app.viewer import viewer as module
from medxpert.app.viewer.picture import heat_png
from medxpert.app.viewer.viewer import Film, payload


@pytest.fixture
def film(tmp_path: Path):
    st.cache_data.clear()
    Image.fromarray(np.arange(200, dtype=np.uint8).reshape(10, 20)).save(tmp_path / "film.png")
    return Film(tmp_path / "film.png", "<b>label</b>")


def opened(data):
    length = int.from_bytes(data[:4], "big")
    return json.loads(data[4 : 4 + length]), data[4 + length :]


def test_the_payload_holds_what_the_browser_needs(film):
    heat = np.eye(4, dtype=np.float32)
    told, blobs = opened(payload([film, film._replace(heat=heat, heat_label="Edema", marker=(0.2, 0.4))], "key", 300))
    assert (told["key"], told["height"], len(told["films"])) == ("key", 300, 2)
    plain, marked = told["films"]
    assert (plain["label"], plain["heat"], plain["marker"]) == ("<b>label</b>", None, None)
    assert (marked["heat_label"], marked["marker"]) == ("Edema", [0.2, 0.4])
    assert blobs[plain["png"]["start"] :][:8] == b"\x89PNG\r\n\x1a\n"
    place = marked["heat"]
    assert blobs[place["start"] : place["start"] + place["length"]] == heat_png(heat)
    assert plain["png"]["id"] == marked["png"]["id"]
    assert str(film.path.parent) not in json.dumps(told)


def test_the_same_films_give_the_same_bytes(film):
    assert payload([film], "key", 300) == payload([film], "key", 300)


def test_a_file_is_decoded_once_and_known_by_its_content(film, tmp_path, monkeypatch):
    decoded, real = [], module.display_content
    monkeypatch.setattr(module, "display_content", lambda *given: decoded.append(given) or real(*given))
    (tmp_path / "copy.png").write_bytes(film.path.read_bytes())
    for path in (film.path, film.path, tmp_path / "copy.png"):
        payload([film._replace(path=path)], "key", 300)
    assert len(decoded) == 1
    Image.new("L", (20, 10), 7).save(film.path)
    payload([film], "key", 300)
    assert len(decoded) == 2


def test_a_page_may_hold_several_viewers(film):
    def page(path):
        from medxpert.app.viewer.viewer import Film, viewer

        viewer([Film(path)], "one")
        viewer([Film(path), Film(path)], "two", height_px=200)

    app = AppTest.from_function(page, args=(film.path,)).run()
    assert not app.exception
    assert len(app.get("bidi_component")) == 2


def test_the_script_reaches_nothing_outside_and_writes_no_markup():
    script = "".join(map(module._asset, (*module._SCRIPTS, "viewer.html", "viewer.css")))
    for banned in (
        "innerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "http:",
        "https:",
        "fetch(",
        "@import",
    ):
        assert banned not in script
