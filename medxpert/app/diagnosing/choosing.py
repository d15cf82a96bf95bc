"""Which image is looked at: one that is dropped, one of the run's samples, or the one that another screen was on."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

import streamlit as st

from medxpert.app.diagnosing.samples import Sample, named, samples, thumbnail
from medxpert.app.policies import policy_of, say_policy
from medxpert.app.uploads import Kept, keep_image
from medxpert.errors import MedXpertError
from medxpert.folders import sha256
from medxpert.run import Run
from medxpert.words import POLICIES, Policy

CURRENT = "image"
"""Key of the session: the `Kept` image that all screens begin with."""
_TAKEN = "diagnose.taken"
_LINKED = "diagnose.linked"
_ROUND = "diagnose.round"
_SEEN = "diagnose.seen"
_SAMPLE = "sample"
_NEXT = {
    "Ask": (":material/forum:", "Ask about this image"),
    "Compare": (":material/compare:", "Compare with an earlier image"),
}
_NO_SUCH = "The address names a sample that this run does not have; choose one of those shown."


class Chosen(NamedTuple):
    """The image that is looked at.

    Attributes:
        kept: on disk.
        policy: that it is under.
        sample: which of the run's it is; None for an upload.
    """

    kept: Kept
    policy: Policy
    sample: Sample | None

    @property
    def title(self) -> str:
        """What to call it; not to be trusted as markup."""
        return self.sample.title if self.sample else self.kept.name


def choose(run: Run, invitation: str) -> Chosen | None:
    """Let the user drop an image or pick a sample; the first sample on the first visit.

    Returns:
        None where there is none; then the invitation is shown.

    Raises:
        DataError: what was dropped is refused; the samples are drawn all the same.
    """
    offered = samples(run)
    _follow_link(offered)
    if offered and CURRENT not in st.session_state and _SEEN not in st.session_state:
        _pick(offered[0])
    st.session_state[_SEEN] = True
    refused = None
    with st.container(key="diagnose.choice"):
        dropped, strip = st.columns([5, 8], gap="medium", vertical_alignment="top")
        with dropped:
            try:
                _uploader()
            except MedXpertError as error:
                refused = error
        with strip:
            _strip(offered)
    if refused is not None:
        raise refused
    kept = st.session_state.get(CURRENT)
    if kept is None:
        st.info(invitation, icon=":material/upload_file:")
        return None
    return _chosen(kept, run, offered)


def _chosen(kept: Kept, run: Run, offered: Sequence[Sample]) -> Chosen:
    sample = next((one for one in offered if one.path == kept.path), None)
    return Chosen(kept, run.policy if sample else policy_of(kept), sample)


def heading(chosen: Chosen) -> None:
    """Name the image and its policy, and lead to the screens that go on with it."""
    with st.container(key="diagnose.heading", horizontal=True, vertical_alignment="center", gap="small"):
        name = escape(chosen.title)
        st.html(f'<p class="mx-film"><b title="{name}">{name}</b> <span>{escape(chosen.policy)}</span></p>')
        for name, what in _NEXT.items():
            st.page_link(st.Page(_nothing, title=name, url_path=name.lower()), label=name, icon=what[0], help=what[1])
        with st.popover("Policy", icon=":material/policy:"):
            _choose_policy(chosen)


def _nothing() -> None:
    """Stand for a screen in a link: screens are known by their addresses."""


def _choose_policy(chosen: Chosen) -> None:
    """Let the user say under which policy their own image is; a sample has the run's."""
    if chosen.sample is not None:
        st.caption(f"A sample is under the policy of its run: {chosen.policy}.")
        return
    said = st.radio(
        "Policy of this image",
        POLICIES,
        index=POLICIES.index(chosen.policy),
        key=f"diagnose.policy.{chosen.kept.sha256[:16]}",
        help="What may leave this machine: only what is open may reach a public service. Yours is private unless said.",
    )
    if said != chosen.policy:
        say_policy(chosen.kept, said)
        st.rerun()


def _uploader() -> None:
    """Take what is dropped, once; a refused file is refused as long as it lies there."""
    key = f"diagnose.upload.{st.session_state.get(_ROUND, 0)}"
    dropped = st.file_uploader(
        "Drop a radiograph: PNG, JPEG or DICOM",
        key=key,
        on_change=_taken_away,
        args=(key,),
    )
    if dropped is None or st.session_state.get(_TAKEN) == dropped.file_id:
        return
    st.session_state[CURRENT] = keep_image(dropped.name, dropped.getvalue())
    st.session_state[_TAKEN] = dropped.file_id
    st.session_state[_LINKED] = None
    st.query_params.pop(_SAMPLE, None)


def _taken_away(key: str) -> None:
    """Forget an image that its user removes or replaces; leaving the screen empties the uploader and calls nobody."""
    if st.session_state.get(key) is None and st.session_state.pop(_TAKEN, None):
        st.session_state.pop(CURRENT, None)


def _follow_link(offered: Sequence[Sample]) -> None:
    """Open the sample that the address names, once."""
    wanted = st.query_params.get(_SAMPLE)
    if wanted is None or wanted == st.session_state.get(_LINKED):
        return
    sample = named(wanted, offered)
    if sample is None:
        st.warning(_NO_SUCH, icon=":material/link_off:")
        return
    _pick(sample)


def _pick(sample: Sample) -> None:
    st.session_state[CURRENT] = Kept(sample.path, sample.path.name, sha256(sample.path))
    st.session_state[_LINKED] = sample.name


def _open(sample: Sample) -> None:
    _pick(sample)
    st.query_params[_SAMPLE] = sample.name
    # a new key empties the uploader, which would name another image than the one looked at
    st.session_state[_ROUND] = st.session_state.get(_ROUND, 0) + 1
    st.session_state.pop(_TAKEN, None)


@st.cache_data(show_spinner=False, max_entries=8)
def _pictures(offered: tuple[Sample, ...]) -> list[str]:
    return [thumbnail(one.path) for one in offered]


def _strip(offered: Sequence[Sample]) -> None:
    """Draw the samples, each a button that bears its picture."""
    if not offered:
        return
    kept = st.session_state.get(CURRENT)
    st.html('<p class="mx-or">Or take a study that this run was never trained on</p>')
    rules = (
        f".st-key-diagnose-sample-{escape(one.name)} button {{ background-image: url({picture}) }}"
        for one, picture in zip(offered, _pictures(tuple(offered)), strict=True)
        if picture
    )
    st.html(f"<style>{''.join(rules)}</style>")
    with st.container(key="diagnose.samples", horizontal=True, gap="small"):
        for one in offered:
            current = kept is not None and kept.path == one.path
            st.button(
                one.title,
                key=f"diagnose.sample.{one.name}",
                type="primary" if current else "secondary",
                on_click=_open,
                args=(one,),
            )
