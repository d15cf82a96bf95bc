"""A study at a glance: every trial's objective, and the best so far."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import optuna
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from optuna.trial import FrozenTrial, TrialState

from medxpert.folders import atomic_file

_INK, _BEST, _PRUNED, _FAILED = "#2f6690", "#d1495b", "#8d99ae", "#555555"


def draw_study(study: optuna.Study, path: Path) -> None:
    """Draw the objective by trial with the best so far; pruned trials at their last value, failed ones at the foot.

    Raises:
        ConfigError: the file cannot be written.
    """
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    trials = study.get_trials(deepcopy=False)
    _draw(axes, trials)
    axes.set(title=f"Study {study.study_name}", xlabel="trial", ylabel="validation Recall@10 (%)")
    axes.set_xlim(-0.5, max(len(trials), 2) - 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.25)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    if axes.get_legend_handles_labels()[1]:
        axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    with atomic_file(path) as sibling:
        figure.savefig(sibling, dpi=150)


def _draw(axes: Axes, trials: Sequence[FrozenTrial]) -> None:
    complete = [
        (one.number, 100 * one.value) for one in trials if one.state == TrialState.COMPLETE and one.value is not None
    ]
    pruned = [
        (one.number, 100 * one.intermediate_values[one.last_step])
        for one in trials
        if one.state == TrialState.PRUNED and one.last_step is not None
    ]
    failed = [one.number for one in trials if one.state == TrialState.FAIL]
    if complete:
        numbers, values = zip(*complete, strict=True)
        best = [max(values[: place + 1]) for place in range(len(values))]
        axes.step(numbers, best, where="post", color=_BEST, label="best so far")
        axes.scatter(numbers, values, color=_INK, zorder=3, label="finished")
    if pruned:
        axes.scatter(*zip(*pruned, strict=True), marker="v", facecolors="none", edgecolors=_PRUNED, label="pruned")
    if failed:
        foot = axes.get_xaxis_transform()
        axes.scatter(failed, [0.02] * len(failed), marker="x", color=_FAILED, transform=foot, label="failed")
