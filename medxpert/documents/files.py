"""Writes a report as Markdown, page and JSON."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medxpert.documents.document import as_json
from medxpert.documents.markdown import render
from medxpert.documents.page import Thumbnail, write_page
from medxpert.folders import atomic_file, explained, write_json
from medxpert.reporting import Report


def write(
    folder: Path,
    report: Report,
    query: NDArray[np.uint8] | None = None,
    thumbnails: Mapping[str, Thumbnail] | None = None,
) -> list[Path]:
    """Write report.md, report.html and report.json; each takes its place whole.

    Args:
        folder: made if there is none.
        report: checked.
        query: grey pixels [H, W] of the image that was asked about; None for a text.
        thumbnails: study id -> (JPEG bytes, text, similarity) of what findings cite, or as much of it as there is.

    Returns:
        The three paths.

    Raises:
        ConfigError: a file cannot be written.
    """
    with explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"report.{ending}" for ending in ("md", "html", "json")]
    with atomic_file(paths[0]) as sibling:
        sibling.write_text(render(report), encoding="utf-8")
    write_page(paths[1], report, query, thumbnails or {})
    write_json(paths[2], as_json(report))
    return paths
