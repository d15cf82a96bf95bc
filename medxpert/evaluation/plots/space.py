"""Two views of the embedding space before and after training: who resembles whom, and a map."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from medxpert.cases import Cases
from medxpert.evaluation.plots.style import BLUE, GREEN, GREY, ORANGE, PALE, PINK, RED, SKY, YELLOW, drawn
from medxpert.evaluation.result import SplitResult
from medxpert.evaluation.subject import Vectors
from medxpert.evaluation.tables.split import heading
from medxpert.ontology import NO_FINDING, OBSERVATIONS, POSITIVE, SUPPORT_DEVICES
from medxpert.words import Policy

_MATRIX_STUDIES, _MAP_STUDIES = 64, 500
_OTHER = "other or none"
_PALETTE = (SKY, ORANGE, BLUE, GREEN, PINK, RED, YELLOW)
_MARKS = {"image": "o", "text": "^"}


def plot_similarity(path: Path, result: SplitResult, policy: Policy) -> None:
    """Draw the cosines of up to 64 images and texts, grouped by main observation; pairs are on the diagonal."""
    rows = _spread(len(result.cases), _MATRIX_STUDIES)
    rows = rows[np.argsort(np.array(main_observations(result.cases))[rows], kind="stable")]
    title = f"Cosine of {len(rows)} images and texts · {heading(result)}"
    with drawn(path, title, (9, 4.7), policy) as figure:
        stages = result.subject.stages
        for axes, stage in zip(figure.subplots(1, len(stages), squeeze=False)[0], stages, strict=True):
            image, text = (array[rows].astype(np.float32) for array in result.subject.vectors[stage])
            shown = axes.imshow(image @ text.T, interpolation="nearest")
            axes.set(title=stage, xlabel="text", ylabel="image", xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
            bar = figure.colorbar(shown, ax=axes, shrink=0.75)
            bar.outline.set_visible(False)


def plot_map(path: Path, result: SplitResult, policy: Policy) -> None:
    """Draw images and texts on their two main components, coloured by main observation."""
    rows = _spread(len(result.cases), _MAP_STUDIES)
    names = np.array(main_observations(result.cases))[rows]
    colours = _colours(names)
    title = f"{len(rows)} images and texts on two principal components · {heading(result)}"
    with drawn(path, title, (9, 5.0), policy) as figure:
        stages = result.subject.stages
        panels = figure.subplots(1, len(stages), squeeze=False)[0]
        for axes, stage in zip(panels, stages, strict=True):
            _map_panel(axes, plane(result.subject.vectors[stage], rows), names, colours)
            axes.set(title=stage, xticks=[], yticks=[])
            axes.spines[:].set(color=PALE, visible=True)
        shapes = [Line2D([], [], color=GREY, marker=mark, linestyle="", label=kind) for kind, mark in _MARKS.items()]
        tones = [Line2D([], [], color=tone, marker="s", linestyle="", label=name) for name, tone in colours.items()]
        panels[-1].legend(handles=[*shapes, *tones], loc="upper left", bbox_to_anchor=(1, 1), handletextpad=0.2)


def main_observations(cases: Cases) -> list[str]:
    """Name each study's main observation: its rarest positive pathology, else No Finding, else devices or nothing."""
    positive = cases.labels == POSITIVE
    order = np.argsort(positive.sum(axis=0), kind="stable")
    last = (OBSERVATIONS.index(NO_FINDING), OBSERVATIONS.index(SUPPORT_DEVICES))
    order = np.array([*(place for place in order if place not in last), *last])
    first = positive[:, order].argmax(axis=1)
    return [
        OBSERVATIONS[order[place]] if known else _OTHER
        for place, known in zip(first, positive.any(axis=1), strict=True)
    ]


def plane(vectors: Vectors, rows: NDArray[np.int64]) -> Vectors:
    """Project chosen images and texts on their first two shared components, [N, 2] each.

    Each kind is centred on its own mean first: the gap between the two clouds (Liang et al., NeurIPS 2022) would
    otherwise be all there is to see.
    """
    image, text = (array[rows].astype(np.float32) for array in vectors)
    centred = Vectors(image - image.mean(axis=0), text - text.mean(axis=0))
    axes = np.linalg.svd(np.concatenate(centred), full_matrices=False)[2][:2]
    return Vectors(centred.image @ axes.T, centred.text @ axes.T)


def _colours(names: NDArray[np.str_]) -> dict[str, str]:
    """Give the commonest observations a colour each, commonest first, and all others grey."""
    common = [name for name, _ in Counter(names.tolist()).most_common() if name != _OTHER]
    return dict(zip(common, _PALETTE, strict=False)) | {_OTHER: GREY}


def _map_panel(axes: Axes, points: Vectors, names: NDArray[np.str_], colours: dict[str, str]) -> None:
    tones = np.array([colours.get(name, GREY) for name in names])
    for kind, mark in _MARKS.items():
        x, y = getattr(points, kind).T
        axes.scatter(x, y, s=11, c=tones, marker=mark, alpha=0.7, linewidths=0)


def _spread(count: int, wanted: int) -> NDArray[np.int64]:
    return np.unique(np.linspace(0, count - 1, min(count, wanted)).round().astype(np.int64))
