"""Every picture of an evaluation, as PNG files in one folder."""

from __future__ import annotations

from pathlib import Path

from medxpert.evaluation.plots.curves import plot_areas, plot_recall
from medxpert.evaluation.plots.sheets import write_sheets
from medxpert.evaluation.plots.space import plot_map, plot_similarity
from medxpert.evaluation.result import SplitResult
from medxpert.folders import atomic_folder
from medxpert.words import Policy


def write_plots(folder: Path, result: SplitResult, policy: Policy) -> None:
    """Draw what the split has figures for, and put the pictures in the place of earlier ones.

    Raises:
        ConfigError: the folder cannot be written.
    """
    with atomic_folder(folder) as sibling:
        if result.scopes:
            plot_recall(sibling / "recall_curves.png", result, policy)
            plot_similarity(sibling / "similarity.png", result, policy)
        if result.part("zero_shot"):
            plot_areas(sibling / "auroc.png", result, policy)
        plot_map(sibling / "embedding_map.png", result, policy)
        if result.cases.thumbnail(0):
            write_sheets(sibling, result, policy)
