"""Lets the user choose the two studies: of their own, of the run's samples, or the one that other screens are on."""

from __future__ import annotations

from html import escape

import streamlit as st

from medxpert.app.comparing.studies import SLOTS, Slot, Study, add, follow, offered, picked, swap, taken
from medxpert.app.diagnosing.samples import samples
from medxpert.app.policies import policy_of, say_policy
from medxpert.app.uploads import keep_image
from medxpert.errors import MedXpertError
from medxpert.privacy import strictest
from medxpert.run import Run
from medxpert.words import POLICIES, Policy

_TAKEN = "compare.taken"
_TITLES: dict[Slot, str] = {"earlier": "Earlier study", "current": "Current study"}
_NO_DATE = "the file tells no date"


def choose(run: Run) -> dict[Slot, Study]:
    """Draw both choices; return the studies that are chosen, the earlier one first.

    Raises:
        DataError: what was dropped is refused; both choices are drawn all the same.
    """
    found = samples(run)
    follow(st.session_state, found)
    if picked(st.session_state)["current"] is None and found:
        picked(st.session_state)["current"] = found[0].name
    refusals: list[MedXpertError] = []
    left, middle, right = st.columns([12, 3, 12], gap="small", vertical_alignment="bottom")
    with left:
        earlier = _choose("earlier", run, refusals)
    with right:
        current = _choose("current", run, refusals)
    with middle:
        st.button(
            "Swap",
            key="compare.swap",
            icon=":material/swap_horiz:",
            help="Let the earlier study be the current one",
            on_click=swap,
            args=(st.session_state,),
            width="stretch",
        )
    if refusals:
        raise refusals[0]
    both = {"earlier": earlier, "current": current}
    return {slot: both[slot] for slot in SLOTS if both[slot] is not None}  # type: ignore[misc]


def policy_of_both(run: Run, chosen: dict[Slot, Study]) -> Policy:
    """Return the strictest policy of two studies; let the user say which that of their own images is."""
    if all(one.is_sample for one in chosen.values()):
        return run.policy
    own = [one.kept for one in chosen.values() if not one.is_sample]
    with st.popover("Policy", icon=":material/policy:"):
        said = st.radio(
            "Policy of your images",
            POLICIES,
            index=POLICIES.index(strictest(map(policy_of, own))),
            key=f"compare.policy.{'.'.join(kept.sha256[:16] for kept in own)}",
            help="What may leave this machine: only what is open may reach a public service.",
        )
    if said != strictest(map(policy_of, own)):
        for kept in own:
            say_policy(kept, said)
    return strictest([said, *([run.policy] if any(one.is_sample for one in chosen.values()) else [])])


def _choose(slot: Slot, run: Run, refusals: list[MedXpertError]) -> Study | None:
    head = st.empty()
    with st.container(key=f"compare.{slot}", horizontal=True, vertical_alignment="bottom", gap="small"):
        box = st.container()
        with st.popover("Upload", icon=":material/upload_file:"):
            try:
                _upload(slot)
            except MedXpertError as error:
                refusals.append(error)
        with box:
            study = _select(slot, run)
    when = (taken(study) or _NO_DATE) if study else ""
    head.html(f'<p class="mx-slot"><b>{_TITLES[slot]}</b> <span>{escape(when)}</span></p>')
    return study


def _upload(slot: Slot) -> None:
    """Take what is dropped, once; a refused file is refused as long as it lies there."""
    dropped = st.file_uploader(f"{_TITLES[slot]}: PNG, JPEG or DICOM", key=f"compare.upload.{slot}")
    done: dict[Slot, str] = st.session_state.setdefault(_TAKEN, {})
    if dropped is None or done.get(slot) == dropped.file_id:
        return
    add(st.session_state, keep_image(dropped.name, dropped.getvalue()), slot)
    done[slot] = dropped.file_id


def _select(slot: Slot, run: Run) -> Study | None:
    known = offered(st.session_state, samples(run))
    chosen = picked(st.session_state)
    names = list(known)
    key = f"compare.pick.{slot}"
    # what was swapped, dropped or chosen on another screen is what the box shows
    st.session_state[key] = chosen[slot] if chosen[slot] in known else None
    st.selectbox(
        _TITLES[slot],
        names,
        index=None,
        format_func=lambda name: known[name].title,
        key=key,
        placeholder="Choose a study",
        label_visibility="collapsed",
        on_change=_take,
        args=(slot, key),
    )
    now = picked(st.session_state)[slot]
    return known.get(now) if now else None


def _take(slot: Slot, key: str) -> None:
    picked(st.session_state)[slot] = st.session_state[key]
