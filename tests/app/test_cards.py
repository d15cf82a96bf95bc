"""Cases as cards: everything in them is text, and what is not open is counted, not shown."""

import base64
from html.parser import HTMLParser

import pytest
from streamlit.testing.v1 import AppTest

from medxpert.app import access
from medxpert.app.cards import cards, seen
from medxpert.cases import Cases, encode_labels
from medxpert.marking import by_query
from medxpert.words import Hit

HOSTILE = '<img src=x onerror="alert(1)"> & **effusion**'
JPEG = b"\xff\xd8picture"


class Seen(HTMLParser):
    """Collects tags and the text within them."""

    def __init__(self, markup):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(markup)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture
def cases(tmp_path) -> Cases:
    labels: list[dict[str, int]] = [{"Edema": -1, "Pleural Effusion": 1, "Fracture": 0}, {"No Finding": 1}, {}]
    columns = {
        "study_id": ["s1", HOSTILE, "s3"],
        "patient_id": ["p1", "p2", "p3"],
        "text": ["Left effusion.", HOSTILE, " "],
        "policy": ["open", "open", "credentialed"],
        "view": ["PA", '"><script>', ""],
        "split": ["train"] * 3,
        "source": ["a set", "b", "c"],
        "labels": [encode_labels(one) for one in labels],
        "thumbnail": [JPEG, None, JPEG],
    }
    return Cases.of(columns, tmp_path)


@pytest.fixture
def hits(cases) -> list[Hit]:
    names = zip(cases.study_ids, cases.patient_ids, cases.texts, strict=True)
    scores = (0.75, -0.2, 1.2)
    return [Hit(i + 1, scores[i], *told, cases.labels_of(i), i) for i, told in enumerate(names)]


def test_a_card_shows_the_case(hits, cases):
    found = Seen(cards(hits[:1], cases, by_query("effusion")))
    (picture,) = found.all("img")
    assert base64.b64decode(picture["src"].removeprefix("data:image/jpeg;base64,")) == JPEG
    assert picture["alt"] == "Radiograph of s1"
    (card,) = found.all("article")
    assert (card["tabindex"], card["aria-label"]) == ("0", "Case 1: s1, similarity 0.75")
    assert "id" not in card
    for told in ("1.s1", "0.750", "PA · train · a set", "Pleural Effusion", "Edema, uncertain", "Left effusion."):
        assert told in found.text
    assert "Fracture" not in found.text
    assert [one["style"] for one in found.all("i")] == ["width:75%"]
    assert found.all("mark") == [{"class": "mx-mark"}]


def test_nothing_in_a_case_is_markup(hits, cases):
    found = Seen(cards(hits[1:2], cases, by_query("effusion"), notes={HOSTILE: HOSTILE}))
    assert {tag for tag, _ in found.tags} == {"ul", "li", "article", "div", "p", "b", "span", "i", "mark"}
    assert found.text.count(HOSTILE) == 3
    assert '"><script>' in found.text
    assert "no picture" in found.text
    assert [one["style"] for one in found.all("i")] == ["width:0%"]


def test_numbers_make_anchors_and_long_texts_can_be_scrolled_by_keys(hits, cases):
    long = hits[0].__class__(1, 0.5, "s1", "p1", "word " * 200, {}, 0)
    found = Seen(cards([long, hits[2]], cases, lambda text: [], 2, {"s3": 4}))
    assert [one.get("id") for one in found.all("article")] == [None, "case-4"]
    assert "cited as 4s3" in found.text
    assert [one["aria-label"][:10] for one in found.all("article")] == ["Case 1: s1", "Cited as 4"]
    assert "rank 1 · PA" in found.text
    assert "rank 3" in found.text
    assert [one["class"] for one in found.all("b")] == ["mx-card-cited"]
    assert [one.get("tabindex") for one in found.all("p") if one["class"] == "mx-card-text"] == ["0"]
    assert found.all("ul")[0]["style"] == "--columns:2"
    assert [one["style"] for one in found.all("i")] == ["width:50%", "width:100%"]


def _draw():
    import streamlit as st

    from medxpert.app.cards import show_cases

    show_cases(*st.session_state["given"], lambda text: [], "some")


@pytest.mark.parametrize("authenticated", [True, False])
def test_what_is_not_open_is_counted_not_shown(hits, cases, monkeypatch, authenticated):
    monkeypatch.setattr(access, "may_see", lambda policy: policy == "open" or authenticated)
    assert [hit.study_id for hit in seen(hits, cases)] == [hit.study_id for hit in hits[: 3 if authenticated else 2]]
    drawn = AppTest.from_function(_draw)
    drawn.session_state["given"] = (hits, cases)
    drawn.run()
    assert not drawn.exception
    told = [] if authenticated else ["1 of 3 cases are not open: only an authenticated session is shown them."]
    assert [one.value for one in drawn.warning] == told
    markup = "".join(one.proto.body for one in drawn.get("html"))
    assert markup.count("<article") == (3 if authenticated else 2)
    assert ("s3" in markup) is authenticated
