"""The cases that a search found as rows: for a table on the page, and for a CSV file that runs nothing when opened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from medxpert.batch_table import line
from medxpert.cases import Cases
from medxpert.ontology import POSITIVE, UNCERTAIN
from medxpert.searching.describe import describe
from medxpert.words import Hit

COLUMNS = (
    "rank", "score", "study_id", "patient_id", "text", "labels", "uncertain", "view", "split", "source", "studies",
    "policy",
)  # fmt: skip


def rows(hits: Sequence[Hit], cases: Cases, studies: Mapping[str, int]) -> list[dict[str, Any]]:
    """Return a row per hit, all of `COLUMNS` but the policy; patients are named where their case is open.

    Args:
        hits: rows of `cases`.
        cases: the gallery's.
        studies: study id -> how many studies bear its text; {} where nobody counted.
    """
    told = describe(cases)
    return [
        {
            "rank": hit.rank,
            "score": round(hit.score, 4),
            "study_id": hit.study_id,
            "patient_id": hit.patient_id if told.policy[hit.row] == "open" else "",
            "text": hit.text,
            "labels": _named(hit.labels, POSITIVE),
            "uncertain": _named(hit.labels, UNCERTAIN),
            "view": told.view[hit.row],
            "split": told.split[hit.row],
            "source": told.source[hit.row],
            "studies": studies.get(hit.study_id, ""),
        }
        for hit in hits
    ]


def csv_of(found: Sequence[Mapping[str, Any]], policy: str) -> str:
    """Write rows as CSV, the policy in each; no spreadsheet takes a cell for a formula."""
    return "".join(line(cells) for cells in (COLUMNS, *([*one.values(), policy] for one in found)))


def _named(labels: Mapping[str, int], value: int) -> str:
    return "; ".join(name for name, one in labels.items() if one == value)
