import base64
import hashlib
import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from documents.samples import ABSTAINED, FALLBACK, REPLY, REPORT, SHARED, replying, speaking
from PIL import Image

from medxpert.documents.page import write_page
from medxpert.errors import ConfigError
from medxpert.report import NOTICE

PIXELS = np.arange(64, dtype=np.uint8).reshape(8, 8)
HOSTILE = (
    "</style></title></td><script>alert(1)</script>\" onerror='x' <img src=http://evil.example/> ${style} $x &amp;"
    "\x1b\u202e"
)
VOID = {"meta", "img"}


class Seen(HTMLParser):
    """Elements with their attributes, and the texts of a page whose elements are closed in order."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.texts, self.open = [], [], []
        self.feed(page)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if data.strip() and self.open[-1] != "style":
            self.texts.append(data.strip())

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self):
        return " ".join(self.texts)


def jpeg(level):
    buffer = io.BytesIO()
    Image.new("L", (8, 8), level).save(buffer, "JPEG")
    return buffer.getvalue()


THUMBNAILS = {
    "s1": (jpeg(10), "Report of one.", 0.91234),
    "s2": (b"", "Report of two.", 0.8),
    "s3": (jpeg(30), "", 0.7),
}


def write(path, report, query=PIXELS, thumbnails=THUMBNAILS, reply=None):
    write_page(path, report, query, thumbnails, reply)
    return path.read_text(encoding="utf-8")


@pytest.fixture
def page(tmp_path):
    return write(tmp_path / "report.html", REPORT)


@pytest.mark.parametrize(
    "told",
    [
        "Moderate left effusion.", "zero-shot 0.83", "cases 0.35", "Nodule on the right.", "✗ unsupported",
        "~ weak support", "✓ supported", "J90 Pleural effusion, not elsewhere classified", "J (not billable)",
        "K (not billable; still to be stated: acute or chronic; of what)", "A small effusion.",
        "A machine's caption of the image: evidence of limited trust, not a finding.", "The effusion is worse.",
        "Pleural Effusion worse 0.61 0.71, present, left, mild zero-shot 0.60, 1 case agrees 0.88, present, left, "
        "moderate probe 0.91, 2 cases agree", "Edema unchanged 0.97 0.03, absent 0.15, undecided", "Fracture not known",
        "no code", "One image alone.", "1 problem found: 1 dropped.", "unknown evidence", "cited for Edema",
        "1 · s1", "similarity 0.912", "Report of one.", "cited for Pleural Effusion (present); Edema (uncertain)",
        "cited for Pneumothorax, Fracture (absent)", "index count 3, split train", "reporter template",
    ],
)  # fmt: skip
def test_everything_is_told(page, told):
    assert told in Seen(page).text


def test_banner_above_and_below_with_the_policy(page):
    seen = Seen(page)
    assert seen.text.count(NOTICE) == 2
    banners = [attributes for _, attributes in seen.elements if "banner" in (attributes.get("class") or "")]
    assert [banner["class"] for banner in banners] == ["banner credentialed"] * 2
    assert seen.text.count("Policy of this report: credentialed") == 2


def test_a_policy_that_nobody_knows_looks_private(tmp_path):
    assert 'class="banner private"' in write(tmp_path / "a.html", replace(REPORT, provenance={"policy": "x y"}))


def test_rows_show_support(page):
    rows = [attributes["class"] for attributes in Seen(page).all("tr") if "class" in attributes]
    assert rows == [
        "worse",
        "unchanged",
        "unknown",
        "present supported",
        "uncertain weak",
        "present unsupported",
        "absent supported",
        "absent supported",
    ]
    assert page.count(SHARED) == 1


def test_an_unchecked_finding_is_not_shown_as_supported(tmp_path):
    page = write(tmp_path / "a.html", replace(REPORT, findings=(replace(REPORT.findings[0], support=None),)))
    assert "? not checked" in Seen(page).text
    assert 'class="badge supported"' not in page


def test_every_citation_leads_to_a_card(page):
    seen = Seen(page)
    cards = {attributes["id"] for attributes in seen.all("figure") if "id" in attributes}
    links = [attributes["href"] for attributes in seen.all("a")]
    assert cards == {"case-1", "case-2", "case-3", "case-4"}
    assert links == ["#case-1", "#case-2", "#case-2", "#case-3", "#case-3", "#case-4"]
    assert [attributes["title"] for attributes in seen.all("a")] == ["s1", "s2", "s2", "s3", "s3", "s4"]


def test_pictures_are_within_the_page(page):
    sources = [attributes["src"] for attributes in Seen(page).all("img")]
    query, first, third = (base64.b64decode(source.partition("base64,")[2]) for source in sources)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(query))), PIXELS)
    assert (first, third) == (THUMBNAILS["s1"][0], THUMBNAILS["s3"][0])
    assert Seen(page).text.count("no picture") == 2
    assert all(attributes["alt"] for attributes in Seen(page).all("img"))


def test_policy_of_content_allows_this_style_and_nothing_else(page):
    rule = next(one["content"] for one in Seen(page).all("meta") if "http-equiv" in one)
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert rule == (
        f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    assert "url(" not in style
    assert "@import" not in style


@pytest.mark.parametrize("abstained", [False, True])
def test_nothing_in_a_report_becomes_markup(tmp_path, page, abstained):
    hostile = write(
        tmp_path / "hostile.html", speaking(HOSTILE, abstained), PIXELS, {"s1": (b"<script>", HOSTILE, 0.5)},
        replying(HOSTILE),
    )  # fmt: skip
    seen = Seen(hostile)
    assert {tag for tag, _ in seen.elements} <= {tag for tag, _ in Seen(page).elements} | {"p", "section"}
    for _, attributes in seen.elements:
        assert not any(name.startswith("on") or name == "style" for name in attributes)
        assert attributes.get("src", "data:image/").startswith("data:image/")
        assert attributes.get("href", "#case-").startswith("#case-")
    assert seen.text.count("<script>alert(1)</script>") >= (4 if abstained else 14)
    assert "\x1b" not in hostile
    assert "\u202e" not in hostile


def test_abstention_stands_in_place_of_statements(tmp_path):
    bare = replace(REPORT, comparison="None.", changes=(), caption="")
    seen = Seen(write(tmp_path / "a.html", replace(bare, abstained=True, abstain_reason="Not a chest.")))
    assert "No report: the system abstained Not a chest." in seen.text
    assert "effusion" not in seen.text
    assert "Findings" not in seen.texts
    assert len(seen.all("img")) == 1
    assert "score 2.5, threshold 1.5" in Seen(write(tmp_path / "b.html", ABSTAINED)).text


def test_fallback(tmp_path, page):
    seen = Seen(write(tmp_path / "a.html", FALLBACK))
    assert "Written by the reporter template instead of the one asked for: gemini: the quota is used up" in seen.text
    assert "instead of the one asked for" not in Seen(page).text


def test_a_text_query_has_no_picture(tmp_path):
    seen = Seen(write(tmp_path / "a.html", REPORT, None, {}))
    assert "Report on a text query" in seen.texts
    assert not seen.all("img")


def test_without_prior_and_caption_neither_is_mentioned(tmp_path):
    text = Seen(write(tmp_path / "a.html", replace(REPORT, changes=(), caption=""))).text
    assert "Changes since" not in text
    assert "Caption" not in text


def test_the_answer_stands_first(tmp_path, page):
    text = Seen(write(tmp_path / "a.html", REPORT, reply=REPLY)).text
    assert (
        "Question Is there a left effusion? Yes, a left pleural effusion is seen. Confidence: 0.83 Evidence: "
        'zero-shot, s1 Written by the reporter template unknown evidence (findings, dropped): "s99": cited for Edema'
    ) in text
    assert text.index("Question") < text.index("Technique")
    assert "Question" not in Seen(page).text


def test_empty_report(tmp_path):
    seen = Seen(write(tmp_path / "a.html", replace(REPORT, findings=(), impression=(), diagnoses=(), limitations=())))
    assert seen.texts.count("Nothing is stated.") == 5


def test_where_it_cannot_be_written(tmp_path):
    with pytest.raises(ConfigError, match="cannot write"):
        write_page(tmp_path / "none" / "a.html", REPORT, None, {})
