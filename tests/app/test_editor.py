"""The report editor, drawn without a browser."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st
from documents.samples import ABSTAINED, FALLBACK, REPORT, speaking
from streamlit.testing.v1 import AppTest

from medxpert.app.editing import keeping
from medxpert.archive.archive import Archive
from medxpert.archive.record import Record, Saved
from medxpert.errors import DataError
from medxpert.exchange import Exported
from medxpert.reporting import Report
from medxpert.reviewing import Decision, Review

_SCRIPT = """
import streamlit as st
from medxpert.app.editor import downloads, edit, save
given = st.session_state
review = edit(given["exported"], given.get("review", given["begun"]), "here", given.get("show"))
given["review"] = review
given["saved"] = save(given["exported"], review, "here", "film.png", replaces=given.get("replaces"))
downloads(given["exported"], review, given["exporters"], "here")
"""
HOSTILE = "<script>alert(1)</script> **bold** [link](javascript:alert(1)) $x$ :red[x]"


def written(exported: Exported, folder: Path) -> list[Path]:
    """Stand for an exporter."""
    (folder / "report.txt").write_text("; ".join(one.sentence for one in exported.report.findings))
    return [folder / "report.txt"]


def refused(exported: Exported, folder: Path) -> list[Path]:
    """Stand for an exporter of a format that cannot hold the report."""
    raise DataError(f"{exported.source}: expected a *DICOM*")


@pytest.fixture
def drawn(alone: None) -> Callable[..., AppTest]:
    """Return what draws the editor for a report in a new session."""

    def draw(report: Report = REPORT, begun: Review | None = None, **given: Any) -> AppTest:
        page = AppTest.from_string(_SCRIPT, default_timeout=30)
        page.session_state["exported"] = Exported(report, np.zeros((4, 4), np.uint8), None, {}, "credentialed")
        page.session_state["begun"] = begun or Review()
        page.session_state["exporters"] = {"pdf": written, "sr": refused}
        for name, value in given.items():
            page.session_state[name] = value
        return page.run()

    yield draw
    st.cache_resource.clear()


def html(page: AppTest) -> str:
    return "\n".join(one.proto.body for one in page.get("html"))


def choose(page: AppTest, at: int, choice: str | None) -> AppTest:
    return page.button_group[at].set_value(choice).run()


def review(page: AppTest) -> Review:
    found: Review = page.session_state["review"]
    return found


def _key(page: AppTest, ending: str) -> str:
    return next(str(one.key) for one in page.text_area if str(one.key).endswith(ending))


def button(page: AppTest, label: str) -> Any:
    return next(one for one in page.button if one.label == label)


def test_every_finding_is_drawn_with_status_support_and_evidence(drawn):
    page = drawn()

    assert not page.exception
    for finding in REPORT.findings:
        assert finding.sentence in html(page)
    for words in ("present, left, moderate", "✓</span> supported", "~</span> weak support", "✗</span> unsupported"):
        assert words in html(page)
    assert 'href="#case-1"' in html(page)
    assert "zero-shot 0.83" in html(page)
    assert len(page.button_group) == 4
    assert "Changes since the prior image" in "".join(one.value for one in page.markdown)


def test_untouched_it_returns_the_review_that_was_given(drawn):
    decisions = (Decision("accepted"), *[Decision()] * (len(REPORT.findings) - 1))
    given = Review(decisions, frozenset({"J90"}), ("Other.",), "note")

    assert review(drawn(begun=given)) == given
    assert review(drawn()) == Review((Decision(),) * len(REPORT.findings))


def test_accept_reject_and_open_again(drawn):
    page = choose(choose(drawn(), 0, "accepted"), 3, "rejected")

    choices = [one.choice for one in review(page).decisions]
    assert choices == ["accepted", "open", "open", "rejected", "rejected"]
    assert "<del>No pneumothorax or fracture.</del>" in html(page)
    assert review(choose(page, 0, None)).decisions[0].choice == "open"


def test_an_edited_sentence_is_read_again_at_once(drawn):
    page = choose(drawn(), 0, "edited")
    assert page.text_area(key=_key(page, ".0.sentence")).value == "Moderate left effusion."
    page = page.text_area(key=_key(page, ".0.sentence")).set_value("Moderate right effusion.").run()

    assert review(page).decisions[0] == Decision("edited", "Moderate right effusion.")
    assert "present, right, moderate" in html(page)
    assert "side: Pleural Effusion: the report says right, the evidence left" in html(page)


def test_what_was_typed_outlives_a_change_of_mind(drawn):
    page = choose(drawn(), 0, "edited")
    page = page.text_area(key=_key(page, ".0.sentence")).set_value("Large left effusion.").run()
    page = choose(choose(page, 0, "accepted"), 0, "edited")

    assert page.text_area(key=_key(page, ".0.sentence")).value == "Large left effusion."


def test_all_supported_findings_are_accepted_at_once(drawn):
    page = button(drawn(), "Accept 2 supported").click().run()

    assert [one.choice for one in review(page).decisions] == ["accepted", "open", "open", "accepted", "accepted"]
    assert not [one for one in page.button if one.label.startswith("Accept")]


def test_the_impression_is_changed_and_checked(drawn):
    page = drawn()
    area = next(one for one in page.text_area if one.label.startswith("Impression"))
    assert area.value == "Moderate left effusion.\nNodule."
    page = area.set_value("Moderate left effusion.\n\nPneumonia.").run()

    assert review(page).impression == ("Moderate left effusion.", "Pneumonia.")
    assert 'Pneumonia. <span class="mx-badge mx-unsupported">' in html(page).replace("Pneumonia.<", "Pneumonia. <")


def test_codes_are_ticked(drawn):
    page = drawn()
    assert page.checkbox[0].label == r"**J90** Pleural effusion, not elsewhere classified"
    page = page.checkbox[0].check().run()

    assert review(page).codes == {"J90"}
    assert "(not billable; still to be stated: acute or chronic; of what)" in html(page)


def test_an_abstention_has_a_reason_and_no_findings(drawn):
    page = drawn(ABSTAINED)

    assert 'class="mx-abstained" role="alert"' in html(page)
    assert "Not a chest." in html(page)
    assert len(page.button_group) == 0


def test_another_reporter_than_the_one_asked_for_is_told(drawn):
    assert "the quota is used up" in drawn(FALLBACK).warning[0].value


def test_what_a_report_says_is_text(drawn):
    page = drawn(speaking(HOSTILE))
    page = choose(page, 0, "edited")

    assert not page.exception
    assert "<script" not in html(page)
    assert "&lt;script&gt;" in html(page)
    for words in [one.label for one in (*page.checkbox, *page.expander)] + [one.value for one in page.warning]:
        assert "<script" not in words.replace("\\<", "")
        assert "[link](" not in words


def test_a_case_is_shown_to_whoever_asks(drawn):
    asked: list[str] = []
    page = drawn(show=asked.append)
    assert "href" not in html(page)
    button(page, "Case 2").click().run()

    assert asked == ["s2"]


def test_a_review_of_another_report_is_refused(drawn):
    page = drawn(begun=Review((Decision(),)))

    assert "one per finding" in page.exception[0].message


def test_saving_needs_a_name_and_tells_the_version(drawn, tmp_path):
    page = choose(drawn(), 0, "accepted")
    page = button(page, "Save report").click().run()
    assert "Say who you are first" in page.warning[-1].value
    page = page.text_input[0].set_value("Dr. A").run()
    page = button(page, "Save report").click().run()

    assert [one.value for one in page.success] == ["Saved as version 1."]
    archive = Archive(tmp_path / "app" / "reports")
    saved = page.session_state["saved"]
    assert archive.open(*saved).review.decisions[0].choice == "accepted"
    assert archive.history(saved.report_id)[0].who == "Dr. A"
    page = button(choose(page, 0, "rejected"), "Save report").click().run()
    assert page.session_state["saved"] == Saved(saved.report_id, 2)


def test_what_is_not_saved_is_kept_as_a_draft(drawn, tmp_path):
    archive = Archive(tmp_path / "app" / "reports")
    page = drawn()
    assert archive.drafts(("credentialed",)) == []
    choose(page, 0, "accepted")

    (draft,) = archive.drafts(("credentialed",))
    assert archive.draft(draft.owner, draft.case_id).review.decisions[0].choice == "accepted"


def test_a_save_beside_another_is_told_and_goes_on_from_its_own_version(drawn, tmp_path):
    exported = Exported(REPORT, np.zeros((4, 4), np.uint8), None, {}, "credentialed")
    record = Record(exported, Review(), "film.png", "a run")
    archive = Archive(tmp_path / "app" / "reports")
    first = archive.save(record, "A", "a")
    archive.save(replace(record, review=Review(note="more")), "Dr. <b>B</b>", "b", first)
    page = choose(drawn(replaces=first), 0, "accepted")
    page = page.text_input[0].set_value("C").run()
    page = button(page, "Save report").click().run()

    assert "Both are kept" in page.warning[-1].value
    assert "<b>" not in page.warning[-1].value.replace("\\<b\\>", "")
    assert page.session_state["saved"] == Saved(first.report_id, 3)


def test_a_begun_review_is_taken_up_again(drawn):
    page = choose(drawn(), 0, "accepted")
    owner = page.session_state["exported"]
    record = Record(owner, review(page), "film.png", "a run")
    keeping.archive().keep_draft(record, "", "me")

    assert keeping.begun(owner, "film.png").decisions[0].choice == "accepted"
    assert keeping.begun(owner, "other.png", review=Review(note="saved")).note == "saved"


def test_downloads_are_made_after_the_review(drawn, tmp_path):
    page = choose(drawn(), 0, "rejected")
    page = button(page, "PDF").click().run()

    (made,) = page.get("download_button")
    assert made.label.startswith("Save report.txt")
    _, files, fault = page.session_state["here.made"]
    assert (files[0][0], fault) == ("report.txt", "")
    assert b"Moderate left effusion" not in files[0][1]
    assert b"Possible edema." in files[0][1]
    assert list((tmp_path / "app" / "downloads").iterdir()) == []
    assert len(choose(page, 0, "accepted").get("download_button")) == 0


def test_a_format_that_cannot_hold_the_report_says_why(drawn):
    page = button(drawn(), "DICOM SR").click().run()

    assert page.warning[-1].value == r"This image\: expected a \*DICOM\*"
    assert len(page.get("download_button")) == 0
