"""The report as a PDF to print or to file: report.pdf."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from medxpert.errors import MissingExtraError
from medxpert.exchange import Exported
from medxpert.folders import atomic_file


@dataclass(frozen=True, slots=True)
class PdfExporter:
    """Writes report.pdf, A4, the banner on every page; equal reports give equal bytes."""

    def __call__(self, exported: Exported, folder: Path) -> Sequence[Path]:
        """Write the report.

        Raises:
            ConfigError: reportlab is not installed, or the folder cannot be written.
        """
        try:
            pages = importlib.import_module("medxpert.exports.pdf_pages")
        except ModuleNotFoundError as error:
            raise MissingExtraError("reportlab", "exports") from error
        path = folder / "report.pdf"
        with atomic_file(path) as sibling:
            pages.write(sibling, exported)
        return [path]
