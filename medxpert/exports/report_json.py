"""The report as JSON: report.json."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from medxpert.documents.files import write_json_report
from medxpert.exchange import Exported


@dataclass(frozen=True, slots=True)
class JsonExporter:
    """Writes report.json, whose form `documents/report.schema.json` publishes."""

    def __call__(self, exported: Exported, folder: Path) -> Sequence[Path]:
        """Write the report.

        Raises:
            ConfigError: the folder cannot be written.
        """
        path = folder / "report.json"
        write_json_report(path, exported.report)
        return [path]
