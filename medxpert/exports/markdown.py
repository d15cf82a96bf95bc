"""The report as Markdown: report.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from medxpert.documents.files import write_markdown
from medxpert.exchange import Exported


@dataclass(frozen=True, slots=True)
class MarkdownExporter:
    """Writes report.md, which also reads well as plain text."""

    def __call__(self, exported: Exported, folder: Path) -> Sequence[Path]:
        """Write the report.

        Raises:
            ConfigError: the folder cannot be written.
        """
        path = folder / "report.md"
        write_markdown(path, exported.report)
        return [path]
