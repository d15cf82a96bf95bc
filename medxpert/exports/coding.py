"""Codes of other systems for what reports say; the table is data (`codes.json`), which names its sources."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

IMAGING_REPORT = "18748-4"
"""LOINC's code of a report on an imaging study."""


class Term(NamedTuple):
    """A code and what it means."""

    code: str
    meaning: str


def term(table: str, word: str) -> Term | None:
    """Return the code for a word in one table of `codes.json`; None where there is none that means exactly that.

    Args:
        table: "observations", "statuses", "sides", "severities" or "concepts" (SNOMED CT), or "interpretations"
            (HL7 v3 ObservationInterpretation).
        word: such as "Pneumothorax" or "left".
    """
    found = _tables()[table].get(word)
    return Term(*found) if found else None


@cache
def _tables() -> dict[str, Any]:
    tables: dict[str, Any] = json.loads(files("medxpert.exports").joinpath("codes.json").read_text("utf-8"))
    return tables
