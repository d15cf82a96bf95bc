import re
import sys
from dataclasses import replace
from importlib import import_module

import numpy as np
import pypdf
import pytest
from documents.samples import ABSTAINED, FALLBACK, REPORT, speaking

from medxpert.errors import MissingExtraError
from medxpert.exports.pdf import PdfExporter
from medxpert.report import NOTICE
from medxpert.reporting import Finding


@pytest.fixture
def pages(tmp_path):
    """Return a function that writes a PDF and reads its pages back."""
    return lambda exported: pypdf.PdfReader(PdfExporter()(exported, tmp_path)[0]).pages


def text(pages):
    return " ".join(" ".join(page.extract_text() for page in pages).split())


def test_says_what_the_report_says(pages, exported):
    said = text(pages(exported))
    for finding in REPORT.findings:
        assert finding.sentence in said
        assert finding.observation in said
    for words in (
        REPORT.technique,
        REPORT.comparison,
        REPORT.limitations[0],
        REPORT.caption,
        "Nodule. [unsupported]",
        "[weak support]",
        "J90 Pleural effusion, not elsewhere classified",
        "J91 K (not billable; still to be stated: acute or chronic; of what)",
        "Suggested codes, never asserted.",
        "worse 0.61",
        "zero-shot 0.83",
        "unknown evidence cited for Edema findings dropped",
        "Text of s1.",
        "cited for Pleural Effusion (present)",
        "Is there an effusion?",
        "Yes, a left one. Confidence 0.83. Evidence: zero-shot, s1.",
        "a run",
    ):
        assert words in said, words


def test_banner_and_number_on_every_page(pages, exported):
    many = tuple(Finding(f"Thing {i}", "present", f"Sentence {i}. " * 10) for i in range(60))
    found = pages(replace(exported, report=replace(REPORT, findings=many)))
    assert len(found) > 4
    for number, page in enumerate(found, 1):
        said = page.extract_text()
        assert said.count(f"{NOTICE} Policy: credentialed.") == 2
        assert re.findall(r"page \d+ of \d+", said) == [f"page {number} of {len(found)}"]


def test_policy_is_that_of_run_and_query(pages, exported):
    assert "Policy: private." in text(pages(replace(exported, policy="private")))


def test_shows_the_image_and_the_cases_of_what_is_not_absent(pages, exported):
    found = {(image.image.size, image.image.getpixel((5, 5))) for page in pages(exported) for image in page.images}
    assert ((32, 32), 128) in found
    assert {size for size, _ in found} == {(32, 32), (30, 20)}
    assert len(found) == 3


def test_cases_stand_beside_findings_but_the_absent_ones(pages, exported):
    cited = dict.fromkeys(("s1", "s2", "s3", "s4"), exported.cited["s1"])
    drawn = sum(page.get_contents().get_data().count(b" Do") for page in pages(replace(exported, cited=cited)))
    beside = sum(len({"s1", "s2"} & set(one.evidence)) for one in REPORT.findings if one.status != "absent")
    assert drawn == 1 + beside + len(cited)


@pytest.mark.parametrize("jpeg", [b"", b"broken", b"\xff\xd8\xff\xe0 cut"])
def test_thumbnail_that_is_no_picture(pages, exported, jpeg):
    found = pages(replace(exported, cited={"s1": (jpeg, "Its text.", 0.5)}))
    assert "no picture" in text(found)
    assert "Its text." in text(found)


def test_text_query_has_no_picture(pages, exported):
    found = pages(replace(exported, pixels=None, source=None, cited={}))
    assert "Report on a text query" in text(found)
    assert not any(page.images for page in found)


def test_tall_and_tiny_images(pages, exported):
    for shape in ((900, 3), (3, 900), (1, 1)):
        assert pages(replace(exported, pixels=np.zeros(shape, np.uint8)))


def test_abstained(pages, exported):
    said = text(pages(replace(exported, report=ABSTAINED, reply=None)))
    assert "No report: the system abstained. Not a chest. No finding, impression or diagnosis is given." in said
    assert "Few cases." in said
    assert not re.search("Findings|Impression|Possible diagnoses|Question", said)


def test_fallback_is_told(pages, exported):
    said = text(pages(replace(exported, report=FALLBACK)))
    assert "Written by the reporter template instead of the one asked for: gemini: the quota is used up" in said


def test_prints_letters_beyond_latin_and_no_markup(pages, exported):
    said = text(pages(replace(exported, report=speaking("Zoë Ødegård Жук ελ <b>&amp;</b> </para>"))))
    assert "Zoë Ødegård Жук ελ <b>&amp;</b> </para>" in said


def test_character_that_no_font_has_leaves_a_sign(pages, exported):
    said = text(pages(replace(exported, report=speaking("before 中 after"))))
    assert "before \ufffd after" in said
    assert "中" not in said


@pytest.mark.parametrize("words", ["word " * 900, "x" * 5000])
def test_long_texts_wrap_within_the_page(pages, exported, words):
    statements = {"findings": (Finding("Edema", "present", words, evidence=("s1",)),), "impression": (words,)}
    report = replace(REPORT, technique=words, limitations=(words,), **statements)
    found = pages(replace(exported, report=report, reply=None))
    edges = []
    for page in found:
        page.extract_text(visitor_text=lambda said, _, place, *__: edges.append(place[4]) if said.strip() else None)
    assert max(edges) < 595
    assert len(found) > 4


def test_same_report_same_bytes(exported, tmp_path):
    first = PdfExporter()(exported, tmp_path)[0].read_bytes()
    assert PdfExporter()(exported, tmp_path)[0].read_bytes() == first
    assert PdfExporter()(replace(exported, policy="open"), tmp_path)[0].read_bytes() != first


def test_without_the_package(exported, tmp_path, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("medxpert.exports.pdf_")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "reportlab", None)
    monkeypatch.setitem(sys.modules, "reportlab.lib", None)
    monkeypatch.setitem(sys.modules, "reportlab.lib.units", None)
    with pytest.raises(MissingExtraError, match=r"reportlab is not installed; run: pip install 'medxpert\[exports\]'"):
        PdfExporter()(exported, tmp_path)
    assert not (tmp_path / "report.pdf").exists()


def test_row_is_broken_only_where_a_page_cannot_hold_it():
    """Reportlab would print the head of a table and half of a row at the foot of a page."""
    tables = import_module("medxpert.exports.pdf_tables")
    row = tables.paragraph("word " * 60)
    table = tables.Rows([[tables.paragraph("Head")], [row], [row]], colWidths=[100], repeatRows=1)
    _, height = table.wrap(100, 10_000)
    assert table.split(100, height / 3) == []
    assert [len(one._cellvalues) for one in table.split(100, height * 0.8)] == [2, 2]
    tall = tables.Rows([[tables.paragraph("Head")], [tables.paragraph("word " * 700)]], colWidths=[100], repeatRows=1)
    tall.wrap(100, 10_000)
    assert len(tall.split(100, 700)) == 2
