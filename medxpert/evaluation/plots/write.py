"""Every picture of an evaluation, as PNG files in one folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from medxpert.evaluation.plots.confidence import CAPTION, plot_confidence
from medxpert.evaluation.plots.curves import plot_areas, plot_recall
from medxpert.evaluation.plots.sheets import write_sheets
from medxpert.evaluation.plots.space import plot_map, plot_similarity
from medxpert.evaluation.result import SplitResult
from medxpert.evaluation.tables.split import heading
from medxpert.folders import atomic_folder
from medxpert.words import Policy

CAPTIONS: Mapping[str, str] = {
    "recall_curves.png": "Share of queries whose own counterpart is among the first K, with 95 % intervals.",
    "auroc.png": "How often a positive study outscores a negative one; 0.5 is guessing.",
    "confidence.png": CAPTION,
    "similarity.png": "Cosines of images and texts, grouped by main observation; true pairs lie on the diagonal. "
    "Each panel has its own scale.",
    "embedding_map.png": "Images and texts on the two main components, each kind centred on its own mean.",
    "top_image_to_text.png": "For a few radiographs, the texts that the adapted weights find nearest.",
    "top_text_to_image.png": "For the texts of the same studies, the radiographs found nearest.",
    "worst_image_to_text.png": "The radiographs whose own text came last, and what came first instead.",
}
"""What the pictures show, in the order of a page."""


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
        if reports := result.part("reports"):
            title = f"Confidence of reports · {heading(result)}"
            drawn = {result.split: reports["risk_coverage"]["curves"]}
            plot_confidence(sibling / "confidence.png", drawn, title, policy)
        plot_map(sibling / "embedding_map.png", result, policy)
        if result.cases.thumbnail(0):
            write_sheets(sibling, result, policy)
