"""Two studies of one patient side by side: what changed, by observation and as a picture."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from importlib.resources import files

import streamlit as st

from medxpert.app import access
from medxpert.app.comparing.changes import csv_of, parted, table
from medxpert.app.comparing.choosing import choose, policy_of_both
from medxpert.app.comparing.compared import Asked, Compared, compare, held, hold
from medxpert.app.comparing.overlay import choose_map, explain, heated
from medxpert.app.comparing.studies import Slot, Study, are_strangers, content_of, taken
from medxpert.app.diagnosing import writer
from medxpert.app.opening import Opened, opened
from medxpert.app.viewer.viewer import Film, viewer
from medxpert.documents import wording
from medxpert.reporting import Report
from medxpert.words import Policy

_STYLE = f"<style>{files('medxpert.app.comparing').joinpath('compare.css').read_text(encoding='utf-8')}</style>"
_HEIGHT_PX = 460
_INVITATION = "Choose the earlier study: drop a PNG, JPEG or DICOM of the same patient, or take a sample."
_STRANGERS = "These two samples are of different patients: they show how this screen works, and no course of anything."
_REMOTE = "The report on the current study is written by {}; the privacy gate decides what may reach it."


def page() -> None:
    """Draw the screen."""
    st.html(_STYLE)
    now = opened()
    if access.shut(now.run.policy):
        return
    chosen = choose(now.run)
    if "current" not in chosen or "earlier" not in chosen:
        if chosen:
            viewer([_film(slot, one) for slot, one in chosen.items()], "compare.one", _HEIGHT_PX)
        st.info(_INVITATION, icon=":material/upload_file:")
        return
    policy = policy_of_both(now.run, chosen)
    asked = Asked(content_of(chosen["earlier"]), content_of(chosen["current"]), policy, str(now.run.path))
    if are_strangers(chosen):
        st.warning(_STRANGERS, icon=":material/group:")
    stage = st.container(key="compare.stage")
    one = held(st.session_state, asked)
    if one is None:
        with stage:
            viewer([_film(slot, study) for slot, study in chosen.items()], "compare.viewer", _HEIGHT_PX)
        one = _made(now, chosen, asked, policy)
    if one is not None:
        _show(chosen, one, stage)


def _made(now: Opened, chosen: Mapping[Slot, Study], asked: Asked, policy: Policy) -> Compared | None:
    """Compare, at once where nothing leaves this machine."""
    who = writer.must_agree(now)
    if who:
        st.text(_REMOTE.format(who))
        if not st.button("Compare", key="compare.agree", type="primary"):
            return None
    with st.status("Looking at both images") as status:
        one = compare(now, chosen, policy, lambda stage: status.update(label=stage.capitalize()))
        status.update(label="Compared" if one.report else "Not compared", state="complete" if one.report else "error")
    hold(st.session_state, asked, one)
    st.rerun()


def _show(chosen: Mapping[Slot, Study], one: Compared, stage: st.delta_generator.DeltaGenerator) -> None:
    films = {slot: _film(slot, study) for slot, study in chosen.items()}
    if one.report is None or one.difference is None:
        with stage:
            viewer(list(films.values()), "compare.viewer", _HEIGHT_PX)
        st.html(f'<p class="mx-refused" role="alert">{escape(one.refusal)}</p>')
        return
    which = choose_map(one.difference)
    with stage:
        viewer([films["earlier"], heated(films["current"], one.difference, which)], "compare.viewer", _HEIGHT_PX)
    explain(one.difference)
    _tell(one.report)
    st.caption(f"Compared in {one.seconds:.1f} s.")


def _tell(report: Report) -> None:
    """Say what changed, then what this cannot know."""
    if report.abstained:
        st.html(
            f'<div class="mx-abstained" role="alert"><b>{wording.ABSTAINED}.</b> {escape(report.abstain_reason)}</div>'
        )
        return
    with st.container(key="compare.head", horizontal=True, vertical_alignment="center", gap="small"):
        st.subheader("What changed", anchor=False)
        _offer(report)
    if report.comparison:
        st.html(f'<p class="mx-told-change">{escape(report.comparison)}</p>')
    told, rest = parted(report.changes)
    if told:
        st.html(table(told))
    if rest:
        with st.expander(f"Seen on neither image, or not known ({len(rest)})"):
            st.html(table(rest))
    if report.limitations:
        st.subheader("What this cannot know", anchor=False)
        st.html(f'<ul class="mx-limits">{"".join(f"<li>{escape(one)}</li>" for one in report.limitations)}</ul>')


def _offer(report: Report) -> None:
    policy = wording.policy(report)
    st.download_button(
        "CSV",
        csv_of(report.changes, policy),
        "changes.csv",
        "text/csv",
        key="compare.csv",
        icon=":material/download:",
        on_click="ignore",
        help=f"All observations on both images with their evidence; policy: {policy}",
    )


def _film(slot: Slot, study: Study) -> Film:
    when = taken(study)
    return Film(study.kept.path, " · ".join(filter(None, (slot.capitalize(), study.title, when))))
