"""How far a report's probabilities can be believed, and what is gained by answering only where it is sure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes

from medxpert.evaluation.plots.style import BLUE, GREY, ORANGE, drawn
from medxpert.words import Policy

CAPTION = (
    "Left: the share of observations that are there among those given a probability; the diagonal is right. "
    "Right: the share of wrong statements when only the most confident studies are answered."
)
_COLOURS = (BLUE, ORANGE)


def plot_confidence(
    path: Path, curves: Mapping[str, Mapping[str, Sequence[float]]], title: str, policy: Policy
) -> None:
    """Draw the reliability diagram beside risk over coverage.

    Args:
        path: PNG file.
        curves: split -> what `reports.curves.curves` returns, the main one first; at most two.
        title: of the picture.
        policy: of the studies.
    """
    with drawn(path, title, (9, 4.4), policy) as figure:
        left, right = figure.subplots(1, 2)
        for (split, found), colour in zip(curves.items(), _COLOURS, strict=False):
            left.plot(_percent(found["probability"]), _percent(found["positive"]), "o-", color=colour, label=split)
            right.plot(_percent(found["coverage"]), _percent(found["risk"]), color=colour, linewidth=2, label=split)
        left.plot((0, 100), (0, 100), color=GREY, linestyle=":", label="calibrated")
        highest = max((max(found["risk"], default=0.0) for found in curves.values()), default=0.0)
        _framed(left, "probability (%)", "observations that are there (%)", 100)
        _framed(right, "studies answered (%)", "wrong statements (%)", max(1.0, 110 * highest))
        left.legend(loc="upper left")
        right.legend(loc="upper left")


def _framed(axes: Axes, horizontal: str, vertical: str, top: float) -> None:
    axes.set(xlim=(0, 100), ylim=(0, top), xlabel=horizontal, ylabel=vertical)
    axes.grid(True)


def _percent(values: Sequence[float]) -> list[float]:
    return [100 * value for value in values]
