"""Accept, edit or reject: the findings of a report, sentence by sentence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import cast

import streamlit as st

from medxpert.app.editing import rows
from medxpert.documents import wording
from medxpert.documents.evidence import Evidence
from medxpert.exchange import Exported
from medxpert.reporting import Finding, Report
from medxpert.reviewing import Choice, Decided, Decision, Review, decided, reviewed

_CHOICES: Sequence[Choice] = ("accepted", "edited", "rejected")
_WORDS = {"accepted": "Accept", "edited": "Edit", "rejected": "Reject"}
MOST_CHARS = 600
Show = Callable[[str], None]


def decide(exported: Exported, review: Review, base: str, show_case: Show | None) -> tuple[Decision, ...]:
    """Draw the findings with what may be decided; return what was.

    Args:
        exported: the report.
        review: what was decided before.
        base: begins the keys of all widgets.
        show_case: is called with the study id of a case that the reader wants to see; None to lead to its card.
    """
    report = exported.report
    before = decided(report, review)
    evidence = Evidence.of(report)
    _all_supported(before, base)
    drawn, places = [], []
    for at, one in enumerate(before):
        with st.container(border=True, gap="xsmall", key=_css(f"{base}.row.{at}")):
            places.append(st.container())
            drawn.append(_choose(report, one, _drafted(report, before, at), f"{base}.{at}"))
            if show_case is not None:
                _cases(one.findings, evidence, f"{base}.{at}", show_case)
    decisions = tuple(one for one, group in zip(drawn, before, strict=True) for _ in group.findings)
    _show(report, Review(decisions), places, evidence, show_case is None)
    return decisions


def _drafted(report: Report, before: Sequence[Decided], at: int) -> str:
    start = sum(len(one.findings) for one in before[:at])
    return report.findings[start].sentence


def _choose(report: Report, one: Decided, drafted: str, key: str) -> Decision:
    names = ", ".join(wording.line(finding.observation) for finding in one.findings)
    st.session_state.setdefault(f"{key}.choice", None if one.choice == "open" else one.choice)
    choice = st.segmented_control(
        f"Decision on {names}",
        _CHOICES,
        format_func=lambda name: _WORDS[name],
        key=f"{key}.choice",
        label_visibility="collapsed",
    )
    if choice != "edited":
        return Decision(cast(Choice, choice or "open"))
    # what was typed outlives a change of mind
    typed = st.session_state.get(f"{key}.typed", one.sentence if one.choice == "edited" else drafted)
    st.session_state.setdefault(f"{key}.sentence", typed)
    sentence = st.text_area(
        f"Sentence on {names}", key=f"{key}.sentence", max_chars=MOST_CHARS, height=80, label_visibility="collapsed"
    )
    st.session_state[f"{key}.typed"] = sentence
    return Decision("edited", str(sentence).strip())


def _cases(findings: Sequence[Finding], evidence: Evidence, key: str, show_case: Show) -> None:
    cited = dict.fromkeys(name for one in findings for name in one.evidence if name in evidence.numbers)
    if not cited:
        return
    with st.container(horizontal=True, gap="small"):
        for name in cited:
            number = evidence.numbers[name]
            if st.button(f"Case {number}", key=f"{key}.case.{number}", type="tertiary", help="Show this similar case"):
                show_case(name)


def _show(report: Report, review: Review, places: Sequence[object], evidence: Evidence, linked: bool) -> None:
    """Fill the rows in: an edited sentence is read again, and shown with the support that it has."""
    now = reviewed(report, review, "", datetime.now(UTC))
    fates = decided(report, review)
    for at, (one, place) in enumerate(zip(fates, places, strict=True)):
        drafted = _drafted(report, fates, at)
        own = one
        if one.choice in ("edited", "open", "accepted"):
            same = [finding for finding in now.findings if finding.sentence == one.sentence]
            own = one._replace(findings=same or one.findings)
        with cast(st.delta_generator.DeltaGenerator, place):
            st.html(rows.row(own, drafted, report, evidence, linked))
            if one.choice == "edited":
                told = [problem for problem in now.problems if problem.text == one.sentence]
                if told:
                    st.html(rows.problems(told, quoted=False))


def _all_supported(before: Sequence[Decided], base: str) -> None:
    """Offer to accept at once what the evidence supports and nobody has decided on."""
    chosen = (st.session_state.get(f"{base}.{at}.choice", one.choice) for at, one in enumerate(before))
    waiting = [
        at
        for at, (one, choice) in enumerate(zip(before, chosen, strict=True))
        if choice in (None, "open") and one.findings[0].support == "supported"
    ]
    if not waiting:
        return
    st.button(
        f"Accept {len(waiting)} supported",
        key=f"{base}.all",
        on_click=_accept,
        args=(base, waiting),
        icon=":material/done_all:",
        help="All findings that the evidence supports and that nobody has decided on yet",
    )


def _accept(base: str, waiting: Sequence[int]) -> None:
    for at in waiting:
        st.session_state[f"{base}.{at}.choice"] = "accepted"


def _css(key: str) -> str:
    return key.replace(".", "-")
