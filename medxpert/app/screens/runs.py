"""The runs on disk, their tables and plots side by side, and whether they differ by more than chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
import streamlit as st

from medxpert.app import access
from medxpert.app.figures import show_block
from medxpert.app.finished import Finished, finished_runs, side_by_side
from medxpert.app.markup import literal
from medxpert.evaluation.record import COUNTED
from medxpert.evaluation.tables.naming import short_names
from medxpert.run import OUTPUTS, Run
from medxpert.tables.blocks import Block

_MOST = 6
_ALL = "Baselines, ceilings and gains, too"
_PER_ROW = 3
_CLOSED = "Runs that are not open are shown to authenticated sessions only; left out here: {}."
_SHARE = st.column_config.ProgressColumn(format="percent", min_value=0, max_value=1)


def page() -> None:
    """Draw the screen."""
    st.title("Runs")
    found, faults = finished_runs(OUTPUTS)
    for fault in faults:
        st.warning(literal(fault), icon=":material/warning:")
    if not found:
        st.info("No finished run under outputs/ yet. Make one: python train.py", icon=":material/info:")
        return
    seen = [one for one in found if access.may_see(one.policy)]
    if len(seen) < len(found):
        st.warning(_CLOSED.format(len(found) - len(seen)), icon=":material/lock:")
    if not seen:
        return
    chosen = _chosen(seen)
    named = dict(zip(short_names([one.name for one in chosen]), chosen, strict=True)) if len(chosen) > 1 else {}
    named = named or {one.name: one for one in chosen}
    if len(chosen) > 1:
        st.caption(" · ".join(f"{literal(short)} = {literal(one.name)}" for short, one in named.items()))
    tables, plots, difference = st.tabs(["Tables", "Plots", "Significance"])
    with tables:
        _tables(named)
    with plots:
        _plots(named)
    with difference:
        _significance(chosen)


def _chosen(found: Sequence[Finished]) -> list[Finished]:
    """Let the user choose runs from the table of all; the newest where nothing is chosen."""
    lines = pd.DataFrame([one.line() for one in found])
    picked = st.dataframe(
        lines,
        key="runs.table",
        hide_index=True,
        on_select="rerun",
        selection_mode="multi-row",
        column_config={name: _SHARE for name in lines.columns if name.startswith("R@10")},
    )
    rows = picked.selection.rows
    if not rows:
        st.caption("Tick runs in the first column to see them side by side; shown is the newest.")
    return [found[row] for row in rows[:_MOST]] or [found[0]]


def _tables(named: Mapping[str, Finished]) -> None:
    held = {name: one.tables() for name, one in named.items()}
    splits = list(dict.fromkeys(split for tables in held.values() for split in tables))
    if not splits:
        st.info("Nothing was evaluated yet: python evaluate.py run=NAME split=test", icon=":material/info:")
        return
    split = st.segmented_control("Measured on", splits, default=splits[0], key="runs.split", required=True)
    shown = {name: tables.get(str(split), []) for name, tables in held.items()}
    titles = list(dict.fromkeys(block.title for blocks in shown.values() for block in blocks))
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    title = left.selectbox("Table", titles, key="runs.title")
    whole = right.toggle("All rows", value=len(named) == 1, key=f"runs.whole.{len(named) == 1}", help=_ALL)
    block = side_by_side(str(title), shown, whole)
    if block is not None:
        show_block(block)


def _plots(named: Mapping[str, Finished]) -> None:
    held = {name: one.plots() for name, one in named.items()}
    names = list(dict.fromkeys(plot for plots in held.values() for plot in plots))
    if not names:
        st.info("These runs hold no plots.", icon=":material/info:")
        return
    plot = st.selectbox("Plot", names, format_func=lambda name: name.replace("_", " "), key="runs.plot")
    pictures = [(name, plots[plot]) for name, plots in held.items() if plot in plots]
    for start in range(0, len(pictures), _PER_ROW):
        row = pictures[start : start + _PER_ROW]
        for column, (name, path) in zip(st.columns(len(row)), row, strict=True):
            column.image(str(path), caption=f"{name}: {str(plot).replace('_', ' ')}", width="stretch")


def _significance(chosen: Sequence[Finished]) -> None:
    embedding = [one for one in chosen if not one.captions]
    if len(embedding) < 2:
        st.info("Tick two or more runs of encoders to compare them study by study.", icon=":material/info:")
        return
    held = [set(Run(one.path).splits()) - {"train"} for one in embedding]
    # looks at test are counted in the runs themselves, which is not for everybody
    shut = set() if access.user().authenticated else set(COUNTED)
    splits = sorted(set.intersection(*held) - shut, key=lambda split: (split != "val", split))
    if not splits:
        st.warning("These runs have no embedded split in common.", icon=":material/warning:")
        return
    st.caption("Paired over patients, 1,000 draws, p-values corrected by Holm. Choose on val: looks at test count.")
    split = st.segmented_control("On", splits, default=splits[0], key="runs.compared_on", required=True)
    if st.button("Compare", key="runs.compare", type="primary"):
        with st.spinner("drawing patients"):
            st.session_state["runs.comparison"] = _compared([str(one.path) for one in embedding], str(split))
    key = (tuple(str(one.path) for one in embedding), split)
    held_key, blocks, told = st.session_state.get("runs.comparison", (None, (), ()))
    if held_key == key:
        for line in told:
            st.caption(literal(line))
        for block in blocks:
            show_block(block)


def _compared(paths: Sequence[str], split: str) -> tuple[object, Sequence[Block], Sequence[str]]:
    # it draws, too, and the libraries for that take a second that nothing else here needs
    from medxpert.evaluation.evaluate import compared

    found = compared([str(Path(path)) for path in paths], split)
    return (tuple(paths), split), found.tables.blocks, (*found.tables.notes, *found.told)
