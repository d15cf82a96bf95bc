"""One radiograph: what the evidence says of it, where that comes from, and the cases that it is like."""

from __future__ import annotations

from importlib.resources import files

import streamlit as st

from medxpert.app import access
from medxpert.app.diagnosing import choosing, report, similar
from medxpert.app.diagnosing.choosing import Chosen
from medxpert.app.diagnosing.held import Asked, Held, held
from medxpert.app.diagnosing.overlay import choose_place, explain, film, place
from medxpert.app.diagnosing.samples import own_report
from medxpert.app.opening import Opened, opened
from medxpert.app.viewer.viewer import viewer

_STYLE = f"<style>{files('medxpert.app.diagnosing').joinpath('diagnose.css').read_text(encoding='utf-8')}</style>"
_HEIGHT_PX = 470
_INVITATION = "Drop a chest radiograph above: PNG, JPEG or DICOM. It stays on this machine."


def page() -> None:
    """Draw the screen."""
    st.html(_STYLE)
    now = opened()
    if access.shut(now.run.policy):
        return
    chosen = choosing.choose(now.run, _INVITATION)
    if chosen is None:
        return
    asked = Asked(chosen.kept.sha256, chosen.policy, str(now.run.path))
    one = held(st.session_state, asked)
    with st.container(key="diagnose.body"):
        left, right = st.columns([6, 5], gap="large")
        with left, st.container(key="diagnose.stage"):
            _picture(now, chosen, one)
        with right:
            report.show(now, chosen, asked, one)
    if one is not None and not one.answer.report.abstained:
        similar.show(now, chosen.kept, one)


def _picture(now: Opened, chosen: Chosen, one: Held | None) -> None:
    """Draw the image, over it where a score comes from, and below it what belongs to the image."""
    choosing.heading(chosen)
    stage = st.container()
    observation = None if one is None else choose_place(one, f"diagnose.place.{chosen.kept.sha256[:16]}")
    placed = None if one is None or observation is None else place(now, chosen.kept, one, observation)
    with stage:
        viewer([film(chosen.kept, chosen.title, observation, placed)], "diagnose.viewer", _HEIGHT_PX)
    if observation is not None and placed is not None:
        explain(observation, placed)
    told = own_report(chosen.sample) if chosen.sample else ""
    if told:
        with st.expander("The report that came with this sample", icon=":material/description:"):
            st.text(told)
