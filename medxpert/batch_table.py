"""The table of a batch: one physical line per image, read back when the batch goes on."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from medxpert.assistant import Answer
from medxpert.errors import DataError
from medxpert.folders import atomic_file
from medxpert.reporting import Finding

COLUMNS = (
    "image", "abstained", "abstain_reason", "present", "uncertain", "absent", "impression", "icd10",
    "unsupported", "weak", "reporter", "fallback_reason", "error", "policy",
)  # fmt: skip


def summary(name: str, answer: Answer) -> dict[str, Any]:
    """Return one image's row: one line of text per column."""
    report = answer.report

    def named(status: str) -> str:
        return "; ".join(
            " ".join(word for word in (one.severity, one.laterality, one.observation, _mark(one)) if word)
            for one in report.findings
            if one.status == status
        )

    return {
        "image": name,
        "abstained": "yes" if report.abstained else "no",
        "abstain_reason": report.abstain_reason,
        **{status: named(status) for status in ("present", "uncertain", "absent")},
        "impression": " ".join(report.impression),
        "icd10": "; ".join(dict.fromkeys(code.code for one in report.diagnoses for code in one.icd10)),
        "unsupported": sum(one.support == "unsupported" for one in report.findings),
        "weak": sum(one.support == "weak" for one in report.findings),
        "reporter": report.reporter,
        "fallback_reason": report.fallback_reason,
        "error": "",
        "policy": answer.policy,
    }


def _mark(finding: Finding) -> str:
    return "" if finding.support == "supported" else f"[{finding.support}]"


def recovered(table: Path, kind: str) -> set[str]:
    """Return the images that have a report by the reporter asked for.

    The other rows are taken out, so that they are written again: what an interruption left half-written, images that
    could not be read, and reports that the template wrote in another's place.

    Raises:
        DataError: the table is none of ours.
    """
    if not table.is_file():
        return set()
    content = table.read_bytes()
    lines = content[: content.rfind(b"\n") + 1].decode("utf-8", errors="replace").splitlines()
    try:
        rows = _parsed(lines, kind)
    except (KeyError, ValueError, TypeError, csv.Error) as error:
        raise DataError(f"{table} holds no reports of ours ({error}); move it away or give another output=") from error
    done = [(line, row) for line, row in rows if not row["error"] and not row.get("fallback_reason")]
    with atomic_file(table) as sibling:
        kept = [*(lines[:1] if kind == "csv" else []), *(line for line, _ in done)]
        sibling.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8", newline="")
    return {row["image"] for _, row in done}


def _parsed(lines: Sequence[str], kind: str) -> list[tuple[str, dict[str, Any]]]:
    """Return each line with its row.

    Raises:
        ValueError: the table has other columns.
    """
    if kind != "csv":
        return [(line, {"error": "", **json.loads(line)}) for line in lines]
    if lines and next(csv.reader(lines[:1])) != list(COLUMNS):
        raise ValueError(f"expected the columns {', '.join(COLUMNS)}")
    return list(zip(lines[1:], csv.DictReader(lines), strict=True))


def line(cells: Sequence[Any]) -> str:
    """Write cells as one line, whatever they hold; no spreadsheet takes one of them for a formula."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow([cell(one) for one in cells])
    return buffer.getvalue()


def cell(value: Any) -> str:
    """Write a value as one line that no spreadsheet takes for a formula."""
    text = " ".join(str(value).split())
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text


def as_line(row: Mapping[str, Any]) -> str:
    """Write an image and its whole report as one line of JSON."""
    return json.dumps({"image": row["image"], "error": row["error"], **row.get("report", {})}) + "\n"
