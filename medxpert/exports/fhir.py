"""The report as a FHIR DiagnosticReport with its Observations inside: R5 and R4B, validated before it is written."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from medxpert.errors import MissingExtraError
from medxpert.exchange import Exported
from medxpert.exports.fhir_resources import Release, diagnostic_report
from medxpert.folders import atomic_file

_MODULES: dict[Release, str] = {
    "R5": "fhir.resources.diagnosticreport",
    "R4B": "fhir.resources.R4B.diagnosticreport",
}


@dataclass(frozen=True, slots=True)
class FhirExporter:
    """Writes report.fhir.r5.json and report.fhir.r4b.json; their ids follow from their content.

    They name no patient: whoever stores one adds the subject.

    Attributes:
        release: of FHIR.
    """

    release: Literal["R5", "R4B", "both"] = "both"

    def __call__(self, exported: Exported, folder: Path) -> Sequence[Path]:
        """Write one file per release.

        Raises:
            ConfigError: fhir.resources is not installed, or the folder cannot be written.
        """
        releases = [one for one in _MODULES if self.release in (one, "both")]
        texts = [validated(diagnostic_report(exported, one), one) for one in releases]
        paths = [folder / f"report.fhir.{one.lower()}.json" for one in releases]
        for path, text in zip(paths, texts, strict=True):
            with atomic_file(path) as sibling:
                sibling.write_text(text + "\n", encoding="utf-8")
        return paths


def validated(resource: dict[str, Any], release: Release) -> str:
    """Return a DiagnosticReport as JSON after validation against the structure definitions of a release.

    Raises:
        ConfigError: fhir.resources is not installed.
    """
    try:
        model = importlib.import_module(_MODULES[release]).DiagnosticReport
    except ImportError as error:
        raise MissingExtraError("fhir.resources", "exports") from error
    return str(model.model_validate(resource).model_dump_json(indent=2))
