"""Reports on a folder of images: one row per image, broken ones too; an interrupted batch goes on where it stopped."""

from __future__ import annotations

import csv
import io
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from medxpert.assistant import Answer, Assistant
from medxpert.documents.document import as_json
from medxpert.drafting import DRY_RUN
from medxpert.errors import ConfigError, DataError
from medxpert.folders import explained, read_json, write_json
from medxpert.images.dataset import SUFFIXES, is_dicom
from medxpert.images.errors import ImageError
from medxpert.images.source import head
from medxpert.indexes.gallery import Filter
from medxpert.reporting import Finding

JOURNAL = "batch.json"
"""What the reports were made with; a batch goes on with nothing else."""
_PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", *SUFFIXES)
_COLUMNS = (
    "image", "abstained", "abstain_reason", "present", "uncertain", "absent", "impression", "icd10",
    "unsupported", "weak", "reporter", "fallback_reason", "error", "policy",
)  # fmt: skip
FORMATS = ("csv", "jsonl")
ALL = Filter()
_TRIED = 3
"""Images that are looked at until one is reported on, to estimate the tokens of all."""
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Batch:
    """A folder of images to report on.

    Attributes:
        assistant: answers.
        images: the folder; searched at any depth.
        output: folder for `reports.csv` or `reports.jsonl`.
        format: "csv", a row per image; or "jsonl", a whole report per line.
        where: `exclude_patient` is no evidence for any of them.

    Raises:
        ConfigError: there is no such folder or format.
    """

    assistant: Assistant
    images: Path
    output: Path
    format: str = "csv"
    where: Filter = ALL

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise ConfigError(f"format={self.format}: expected one of {', '.join(FORMATS)}")
        if not self.images.is_dir():
            raise ConfigError(f"images={self.images} is no folder; give a folder, or one file with image=")

    def run(self) -> str:
        """Report on every image that has no row yet.

        Returns:
            Why reports were not written by the reporter asked for; "" where all were.

        Raises:
            ConfigError: the output holds reports that were made otherwise, or cannot be written.
            DataError: there is no image, or not one of them could be read.
        """
        names = [path.relative_to(self.images).as_posix() for path in found(self.images)]
        if not names:
            raise DataError(f"images={self.images} holds no image; expected {', '.join(_PICTURES)} or DICOM files")
        with explained(self.output):
            self.output.mkdir(parents=True, exist_ok=True)
        self._begin()
        table = self.output / f"reports.{self.format}"
        done = recovered(table, self.format)
        left = [name for name in names if (_cell(name) if self.format == "csv" else name) not in done]
        if done:
            log.info("%s holds %d of %d images; going on", table, len(names) - len(left), len(names))
        self._estimate(left)
        rows = list(self._rows(table, left, fresh=not done))
        return self._closed(table, rows)

    def _begin(self) -> None:
        """Note what the reports are made with, or refuse to mix two kinds."""
        made, journal = self.assistant.made_with(), self.output / JOURNAL
        if not journal.is_file():
            write_json(journal, made)
        elif (before := read_json(journal)) != made:
            changed = ", ".join(sorted(name for name in {*made, *before} if made.get(name) != before.get(name)))
            raise ConfigError(f"output={self.output} holds reports made otherwise ({changed}); give another output=")

    def _estimate(self, names: Sequence[str]) -> None:
        tokens = self.assistant.tokens([self.images / name for name in names[:_TRIED]])
        if tokens:
            log.info("about %d tokens for each of %d images, %d in all", tokens, len(names), tokens * len(names))

    def _rows(self, table: Path, names: Sequence[str], fresh: bool) -> Iterator[dict[str, Any]]:
        console = Console(stderr=True)
        with explained(table), table.open("a", encoding="utf-8", newline="") as file:
            if fresh and self.format == "csv":
                file.write(_line(_COLUMNS))
            for name in track(names, "reporting", console=console, transient=True):
                row = self._row(name)
                file.write(_line([row[column] for column in _COLUMNS]) if self.format == "csv" else _json(row))
                file.flush()
                yield row

    def _row(self, name: str) -> dict[str, Any]:
        try:
            answer = self.assistant.ask_image(self.images / name, 1, where=self.where)
        except ImageError as error:
            known = {"image": name, "error": self._nameless(error), "policy": self.assistant.policy}
            return dict.fromkeys(_COLUMNS, "") | known
        return summary(name, answer) | {"report": as_json(answer.report)}

    def _nameless(self, error: ImageError) -> str:
        """Say what is wrong without where this folder lies: its path may name a patient."""
        return str(error).replace(f"{self.images}/", "")

    def _closed(self, table: Path, rows: Sequence[Mapping[str, Any]]) -> str:
        broken = [row for row in rows if row["error"]]
        if rows and len(broken) == len(rows):
            raise DataError(
                f"not one of {len(rows)} images could be read; {table} says why, such as: {broken[0]['error']}"
            )
        abstained = sum(row["abstained"] == "yes" for row in rows)
        log.info(
            "%d reports, %d images refused as none the model knows, %d unreadable: %s",
            len(rows) - abstained - len(broken), abstained, len(broken), table,
        )  # fmt: skip
        reasons = {row["fallback_reason"] for row in rows} - {"", DRY_RUN}
        return min(reasons, default="")


def found(folder: Path) -> list[Path]:
    """Return the images of a folder at any depth, in the order of their names; hidden files are none."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return [path for path in paths if path.suffix.lower() in _PICTURES or _is_nameless_dicom(path)]


def _is_nameless_dicom(path: Path) -> bool:
    """Tell a DICOM that bears no suffix that says so."""
    try:
        return is_dicom(head(path))
    except ImageError:
        return False


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
    """Return the images that have a row, after cutting off a row that an interruption left half-written."""
    if not table.is_file():
        return set()
    content = table.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        with explained(table), table.open("r+b") as file:
            file.truncate(len(whole))
    lines = whole.decode("utf-8", errors="replace").splitlines()
    try:
        if kind == "csv":
            return {row["image"] for row in csv.DictReader(lines)}
        return {json.loads(line)["image"] for line in lines}
    except (KeyError, ValueError, csv.Error) as error:
        raise DataError(f"{table} holds no reports of ours ({error}); move it away or give another output=") from error


def _line(cells: Sequence[Any]) -> str:
    """Write cells as one line, whatever they hold; no spreadsheet takes one of them for a formula."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow([_cell(cell) for cell in cells])
    return buffer.getvalue()


def _cell(cell: Any) -> str:
    text = " ".join(str(cell).split())
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text


def _json(row: Mapping[str, Any]) -> str:
    return json.dumps({"image": row["image"], "error": row["error"], **row.get("report", {})}) + "\n"
