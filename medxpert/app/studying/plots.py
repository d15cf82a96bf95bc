"""Plots of a reader study: how often each level was given, and how far sources differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import altair as alt
import numpy as np
import pandas as pd

from medxpert.rating.analysis import Analysis
from medxpert.rating.ratings import OUTCOMES
from medxpert.rating.record import Rated
from medxpert.rating.scales import Scale, scales

_BAR_PX, _AROUND_PX, _LEGEND_PX = 24, 80, 80
"""Heights of a bar, of title and axis together, and of a legend."""
_PER_SCALE = {
    5: ["#b2182b", "#ef8a62", "#c3c9cf", "#67a9cf", "#2166ac"],
    4: ["#b2182b", "#ef8a62", "#67a9cf", "#2166ac"],
}
"""From bad to good."""
_INK, _FAINT = "#e8eef4", "#aab7c4"
_LEGEND = alt.Legend(orient="bottom", title=None, labelColor=_INK, labelFontSize=11, columnPadding=6, symbolSize=60)


def levels(rated: Sequence[Rated]) -> list[alt.Chart]:
    """Draw the share of each level by source, a plot per scale; colours run from bad to good."""
    first = [one for one in rated if not one.repeated]
    return [_strip(first, scale) for scale in scales()]


def _strip(rated: Sequence[Rated], scale: Scale) -> alt.Chart:
    counts = Counter((one.source, one.told[scale.name]) for one in rated)
    totals = Counter(one.source for one in rated)
    table = pd.DataFrame(
        [
            {
                "source": source,
                "level": f"{level.value} {level.label}",
                "order": level.value,
                "share": counts[source, level.value] / totals[source],
            }
            for source in sorted(totals)
            for level in scale.levels
        ]
    )
    labels = [f"{level.value} {level.label}" for level in scale.levels]
    colours = _PER_SCALE[len(labels)]
    return (
        alt.Chart(table, title=alt.Title(scale.title, anchor="start", color=_INK, fontSize=13))
        .mark_bar(size=_BAR_PX - 6)
        .encode(
            x=alt.X(
                "share:Q", axis=alt.Axis(format="%", title=None, labelColor=_FAINT), scale=alt.Scale(domain=[0, 1])
            ),
            y=alt.Y("source:N", title=None, axis=alt.Axis(labelColor=_INK)),
            color=alt.Color(
                "level:N",
                sort=labels,
                scale=alt.Scale(domain=labels, range=colours[::-1] if scale.name == "harm" else colours),
                legend=_LEGEND,
            ),
            order=alt.Order("order:Q"),
            tooltip=["source", "level", alt.Tooltip("share:Q", format=".0%")],
        )
        .properties(height=_BAR_PX * len(totals) + _AROUND_PX + _LEGEND_PX)
    )


def differences(analysis: Analysis) -> list[alt.LayerChart]:
    """Draw the paired differences with their intervals, a plot per outcome that is corrected for; zero is a line."""
    shown = [one for one in OUTCOMES if one.is_primary]
    return [_forest(analysis, one.name, one.title, one.better, one.is_share) for one in shown]


def _forest(analysis: Analysis, outcome: str, title: str, better: str, is_share: bool) -> alt.LayerChart:
    table = pd.DataFrame(
        [
            {"pair": f"{one.first} \N{MINUS SIGN} {one.second}", **one.difference}
            for one in analysis.differences
            if one.outcome == outcome
        ]
    )
    reach = float(np.nanmax(np.abs(table[["low", "high"]].to_numpy(float)), initial=0.1)) * 1.05
    heading = f"{title} ({better}er is better)"
    base = alt.Chart(table, title=alt.Title(heading, anchor="start", color=_INK, fontSize=13)).encode(
        y=alt.Y("pair:N", title=None, axis=alt.Axis(labelColor=_INK, labelLimit=260))
    )
    axis = alt.Axis(title=None, labelColor=_FAINT, format="+%" if is_share else "+.1f")
    scale = alt.Scale(domain=[-reach, reach], nice=True)
    bars = base.mark_rule(color="#58b4d1", strokeWidth=2).encode(x=alt.X("low:Q", axis=axis, scale=scale), x2="high:Q")
    points = base.mark_point(color="#58b4d1", filled=True, size=70).encode(
        x="value:Q", tooltip=["pair", *(alt.Tooltip(f"{name}:Q", format="+.2f") for name in ("value", "low", "high"))]
    )
    zero = alt.Chart(pd.DataFrame({"zero": [0.0]})).mark_rule(color=_FAINT, strokeDash=[4, 3]).encode(x="zero:Q")
    return (zero + bars + points).properties(height=_BAR_PX * len(table) + _AROUND_PX)
