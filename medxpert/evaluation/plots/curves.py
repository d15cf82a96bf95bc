"""Recall over K and AUROC per observation, with their intervals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from medxpert.evaluation.parts.classification import MEAN
from medxpert.evaluation.plots.style import GREY, colour, drawn
from medxpert.evaluation.result import SplitResult
from medxpert.evaluation.subject import ORACLE, PIXEL
from medxpert.evaluation.tables.split import heading
from medxpert.metrics.ranking import Ranks, hits
from medxpert.metrics.statistics import bootstrap
from medxpert.words import Policy

_CUTOFFS = (1, 2, 3, 4, 5, 7, 10, 14, 20, 30, 50, 70, 100)
_TITLES = {"image_to_text": "Image to text", "text_to_image": "Text to image"}


def plot_recall(path: Path, result: SplitResult, policy: Policy) -> None:
    """Draw Recall@K for K up to 100, identity relevance, one panel per direction."""
    with drawn(path, f"Recall@K · {heading(result)}", (9, 4.4), policy) as figure:
        panels = figure.subplots(1, 2, sharey=True)
        for axes, (direction, title) in zip(panels, _TITLES.items(), strict=True):
            _recall_panel(axes, result, direction)
            axes.set_title(f"{title}, the study's own counts")
        panels[0].set_ylabel("queries with a hit in the first K (%)")
        panels[1].legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _recall_panel(axes: Axes, result: SplitResult, direction: str) -> None:
    found = {name: _ranks(result, name, direction) for name in (ORACLE, result.main, PIXEL, result.starting) if name}
    pool = next(ranks.pool for ranks in found.values() if ranks)
    cutoffs = np.array([cutoff for cutoff in _CUTOFFS if cutoff <= pool])
    for name, ranks in found.items():
        if ranks:
            _curve(axes, result, name, cutoffs, ranks)
    axes.plot(cutoffs, 100 * cutoffs / pool, color=GREY, linestyle=":", label="chance")
    axes.set(xscale="log", xlim=(1, max(2, cutoffs[-1])), ylim=(0, 101), xlabel="K")
    ticks = [cutoff for cutoff in (1, 2, 5, 10, 20, 50, 100) if cutoff <= pool]
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.grid(True)


def _ranks(result: SplitResult, name: str, direction: str) -> Ranks | None:
    chosen = (one for one in result.ranked.get(name, ()) if (one.direction, one.relevance) == (direction, "identity"))
    return next((one.ranks for one in chosen), None)


def _curve(axes: Axes, result: SplitResult, name: str, cutoffs: NDArray[np.int64], ranks: Ranks) -> None:
    band = bootstrap(100 * hits(ranks, cutoffs.tolist()), result.cases.patient_ids)
    width = 2.2 if name == result.main else 1.4
    axes.plot(cutoffs, band.value, color=colour(name), linewidth=width, label=name)
    axes.fill_between(cutoffs, band.low, band.high, color=colour(name), alpha=0.18, linewidth=0)


def plot_areas(path: Path, result: SplitResult, policy: Policy) -> None:
    """Draw zero-shot AUROC per observation, starting beside main weights."""
    figures = result.part("zero_shot")
    stages = [name for name in result.subject.stages if name in figures]
    names = [name for name in figures[result.main]["auroc"] if name != MEAN][::-1]
    shifts = np.linspace(-0.13, 0.13, len(stages)) if len(stages) > 1 else np.zeros(1)
    with drawn(path, f"Zero-shot AUROC · {heading(result)}", (9, 1.6 + 0.42 * max(len(names), 3)), policy) as figure:
        axes = figure.subplots()
        for stage, shift in zip(stages, shifts.tolist(), strict=True):
            _area_points(axes, [figures[stage]["auroc"][name] for name in names], shift, stage)
        axes.axvline(0.5, color=GREY, linestyle=":", linewidth=1)
        axes.set_yticks(
            range(len(names)), [f"{name}  ({figures['counts'][name]['positive']} positive)" for name in names]
        )
        axes.set(xlim=(0, 1.02), ylim=(-0.6, max(len(names), 1) - 0.4), xlabel="AUROC, 95 % interval")
        axes.grid(True, axis="x")
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _area_points(axes: Axes, cells: list[dict[str, float]], shift: float, stage: str) -> None:
    values, low, high = (np.array([cell[key] for cell in cells]) for key in ("value", "low", "high"))
    places = np.arange(len(cells)) + shift
    axes.errorbar(values, places, xerr=[values - low, high - values], fmt="o", color=colour(stage), label=stage)
