"""Writes a report as Markdown, page and JSON, one by one or all three."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medxpert.documents.document import as_json
from medxpert.documents.markdown import render
from medxpert.documents.page import Thumbnail, write_page
from medxpert.exchange import Reply
from medxpert.folders import atomic_file, explained, write_json
from medxpert.reporting import Report


def write_markdown(path: Path, report: Report, reply: Reply | None = None) -> None:
    """Write a report as Markdown, with the reply where a question was asked; the file takes its place whole.

    Raises:
        ConfigError: the file cannot be written.
    """
    with atomic_file(path) as sibling:
        sibling.write_text(render(report, reply), encoding="utf-8")


def write_json_report(path: Path, report: Report) -> None:
    """Write a report in the form of report.schema.json; the file takes its place whole.

    Raises:
        ConfigError: the file cannot be written.
    """
    write_json(path, as_json(report))


def write(
    folder: Path,
    report: Report,
    query: NDArray[np.uint8] | None = None,
    thumbnails: Mapping[str, Thumbnail] | None = None,
    reply: Reply | None = None,
) -> list[Path]:
    """Write report.md, report.html and report.json; each takes its place whole.

    Args:
        folder: made if there is none.
        report: checked.
        query: grey pixels [H, W] of the image that was asked about; None for a text.
        thumbnails: study id -> (JPEG bytes, text, similarity) of what findings cite, or as much of it as there is.
        reply: to a question, where one was asked; report.json leaves it out.

    Returns:
        The three paths.

    Raises:
        ConfigError: a file cannot be written.
    """
    with explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"report.{ending}" for ending in ("md", "html", "json")]
    write_markdown(paths[0], report, reply)
    write_page(paths[1], report, query, thumbnails or {}, reply)
    write_json_report(paths[2], report)
    return paths
