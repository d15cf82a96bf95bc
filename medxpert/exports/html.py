"""The report as one self-contained page: report.html."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from medxpert.documents.page import write_page
from medxpert.exchange import Exported


@dataclass(frozen=True, slots=True)
class HtmlExporter:
    """Writes report.html: the image, findings with the cases that they rest on, nothing fetched, no scripts."""

    def __call__(self, exported: Exported, folder: Path) -> Sequence[Path]:
        """Write the report.

        Raises:
            ConfigError: the folder cannot be written.
        """
        path = folder / "report.html"
        write_page(path, exported.report, exported.pixels, exported.cited)
        return [path]
