"""The rest of a report in the editor: impression, codes, note, and what it was made with."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from medxpert.app.editing import rows
from medxpert.app.markup import literal
from medxpert.documents import wording
from medxpert.reporting import Code, Report
from medxpert.reviewing import Review, reviewed

_MOST_CHARS = 3000


def impression(report: Report, review: Review, base: str) -> tuple[str, ...] | None:
    """Draw the impression as it would be printed, and let it be changed; None where it stays."""
    st.markdown("##### Impression")
    place = st.container()
    drafted = tuple(wording.marked(line).text for line in report.impression)
    key = f"{base}.impression"
    st.session_state.setdefault(key, "\n".join(drafted if review.impression is None else review.impression))
    with st.expander("Change the impression", icon=":material/edit:", expanded=review.impression is not None):
        typed = st.text_area("Impression, a sentence a line", key=key, max_chars=_MOST_CHARS, height=130)
    lines = tuple(line.strip() for line in str(typed).splitlines() if line.strip())
    chosen = None if lines == drafted else lines
    now = reviewed(report, Review(review.decisions, impression=chosen), "", datetime.now(UTC))
    told = [one for one in now.problems if one.where == "impression"]
    with place:
        st.html(rows.impression(now.impression) + rows.problems(told))
    return chosen


def codes(report: Report, review: Review, base: str) -> frozenset[str]:
    """Draw the suggested codes of what still stands, each once, with what it is suggested for."""
    standing = reviewed(report, Review(review.decisions), "", datetime.now(UTC)).diagnoses
    names = {one.name for one in standing}
    listed = {code.code: code for one in report.diagnoses if one.name in names for code in one.icd10}
    if not listed:
        return frozenset()
    st.markdown("##### ICD-10-CM codes")
    st.caption("Suggested, never asserted: tick what fits. Once anything is decided, only ticked ones are exported.")
    with st.container(gap="xxsmall"):
        return frozenset(name for name, code in listed.items() if _tick(code, report, review, base))


def _tick(code: Code, report: Report, review: Review, base: str) -> bool:
    key = f"{base}.code.{code.code}"
    st.session_state.setdefault(key, code.code in review.codes)
    ticked = st.checkbox(f"**{literal(code.code)}** {literal(code.description)}", key=key)
    names = ", ".join(one.name for one in report.diagnoses if code in one.icd10)
    st.html(f'<p class="mx-told mx-code">for {rows.text(names)} {rows.text(wording.code_note(code))}</p>')
    return ticked


def note(review: Review, base: str) -> str:
    """Draw the note to other readers."""
    key = f"{base}.note"
    st.session_state.setdefault(key, review.note)
    return str(
        st.text_area("Note for other readers, no part of the report", key=key, max_chars=_MOST_CHARS, height=80)
    ).strip()


def background(report: Report) -> None:
    """Draw what the checker found, what the report cannot know, and what it was made with."""
    if report.problems:
        with st.expander(f"Check: {literal(wording.check_summary(report))}", icon=":material/fact_check:"):
            st.html(rows.problems(report.problems))
    elif not report.abstained:
        st.caption(wording.check_summary(report))
    with st.expander("Limitations and provenance", icon=":material/info:"):
        if report.limitations:
            st.html(rows.listing(report.limitations))
        st.html(rows.provenance(report))


def comparison(report: Report) -> None:
    """Draw what changed since the prior image, where there is one."""
    if not report.changes:
        return
    st.markdown(f"##### {wording.CHANGES}")
    st.html(f'<p class="mx-told">{rows.text(report.comparison)}</p>')
    with st.expander("Every observation", icon=":material/table_rows:"):
        st.html(rows.changes(report))
