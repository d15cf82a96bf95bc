"""The report editor: every finding accepted, edited or rejected, its evidence beside it; saved and downloaded."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import streamlit as st

from medxpert.app.editing import rows, sections
from medxpert.app.editing.deciding import decide
from medxpert.app.editing.downloading import downloads as downloads
from medxpert.app.editing.keeping import begun as begun
from medxpert.app.editing.keeping import save as save
from medxpert.app.markup import literal
from medxpert.documents.document import as_json
from medxpert.exchange import Exported
from medxpert.report import POLICY
from medxpert.reporting import Report
from medxpert.reviewing import Review, reviewed


def edit(exported: Exported, review: Review, key: str, show_case: Callable[[str], None] | None = None) -> Review:
    """Draw a report with all that may be decided about it; return what was decided.

    Whoever calls keeps the review and gives it back in the next run: what was decided outlives a change of screens.

    Args:
        exported: the report with what it cites.
        review: what was decided before.
        key: begins the keys of all widgets; one report at a time may have it.
        show_case: is called with the study id of a cited case that the reader wants to see; None to lead to the cards
            `case-1`, `case-2` and so on of the page, numbered as `documents.evidence.Evidence` does.

    Raises:
        DataError: the review is of another report.
    """
    report = exported.report
    base = f"{key}.{_digest(report)}"
    st.html(rows.STYLE)
    st.html(f'<p class="mx-told">{rows.text(report.technique)} Policy: {rows.text(exported.policy)}.</p>')
    if report.abstained:
        st.html(rows.abstention(report))
        written = sections.note(review, base)
        sections.background(report)
        return Review(review.decisions, note=written)
    return _edited(exported, review, base, show_case)


def _edited(exported: Exported, review: Review, base: str, show_case: Callable[[str], None] | None) -> Review:
    report = exported.report
    if report.fallback_reason:
        st.warning(f"Written by the {_told(report.reporter)} reporter: {_told(report.fallback_reason)}")
    if report.caption:
        st.html(f'<p class="mx-told">Caption: {rows.text(report.caption)}</p>')
    place = st.container()
    decisions = decide(exported, review, base, show_case)
    with place:
        impression = sections.impression(report, Review(decisions, impression=review.impression), base)
        sections.comparison(report)
        st.markdown("##### Findings")
    ticked = sections.codes(report, replace(review, decisions=decisions), base)
    written = sections.note(review, base)
    now = Review(decisions, ticked, impression, written)
    found = reviewed(report, now, "", datetime.now(UTC))
    sections.background(replace(found, provenance=report.provenance))
    return now


def _told(words: str) -> str:
    return literal(words)


def _digest(report: Report) -> str:
    told = json.dumps([as_json(report), report.provenance.get(POLICY)])
    return hashlib.sha256(told.encode()).hexdigest()[:8]
