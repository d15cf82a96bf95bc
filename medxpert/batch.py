"""Reports on a folder of images: one row per image, broken ones too; an interrupted batch goes on where it stopped."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from medxpert.assistant import Assistant, Shown
from medxpert.batch_table import COLUMNS, as_line, cell, line, recovered, summary
from medxpert.documents.document import as_json
from medxpert.errors import ConfigError, DataError
from medxpert.folders import explained, read_json, write_json
from medxpert.gating import DRY_RUN
from medxpert.images.dataset import SUFFIXES, is_dicom
from medxpert.images.errors import ImageError
from medxpert.images.source import head
from medxpert.indexes.filter import Filter

JOURNAL = "batch.json"
"""What the reports were made with; a batch goes on with nothing else, but for what computes the rows of the model."""
_PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", *SUFFIXES)
FORMATS = ("csv", "jsonl")
ALL = Filter()
_TRIED = 3
"""Images that are tried until one can be read, to estimate the tokens of all."""
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
        names = {_shown(path.relative_to(self.images)): path for path in found(self.images)}
        if not names:
            raise DataError(f"images={self.images} holds no image; expected {', '.join(_PICTURES)} or DICOM files")
        with explained(self.output):
            self.output.mkdir(parents=True, exist_ok=True)
        if self.assistant.dry_run:
            return self._shown_only(list(names.values()))
        self._begin()
        table = self.output / f"reports.{self.format}"
        done = recovered(table, self.format)
        left = [name for name in names if (cell(name) if self.format == "csv" else name) not in done]
        if done:
            log.info("%s holds %d of %d images; going on", table, len(names) - len(left), len(names))
        self._estimate([names[name] for name in left])
        rows = list(self._rows(table, {name: names[name] for name in left}))
        return self._closed(table, rows, len(done))

    def _begin(self) -> None:
        """Note what the reports are made with, or refuse to mix two kinds."""
        made, journal = self.assistant.made_with(), self.output / JOURNAL
        if not journal.is_file():
            write_json(journal, made)
        elif (before := read_json(journal)) != made:
            changed = ", ".join(sorted(name for name in {*made, *before} if made.get(name) != before.get(name)))
            raise ConfigError(f"output={self.output} holds reports made otherwise ({changed}); give another output=")

    def _shown_only(self, paths: Sequence[Path]) -> str:
        """Show what would be sent about the first image that can be read, and write nothing."""
        self._estimate(paths)
        for path in paths:
            if not self._row(path.name, path)["error"]:
                return ""
        return ""

    def _estimate(self, paths: Sequence[Path]) -> None:
        tokens = self.assistant.tokens(paths[:_TRIED])
        if tokens:
            log.info("about %d tokens for each of %d images, %d in all", tokens, len(paths), tokens * len(paths))

    def _rows(self, table: Path, paths: Mapping[str, Path]) -> Iterator[dict[str, Any]]:
        console = Console(stderr=True)
        with explained(table), table.open("a", encoding="utf-8", newline="") as file:
            if file.tell() == 0 and self.format == "csv":
                file.write(line(COLUMNS))
            for name, path in track(paths.items(), "reporting", len(paths), console=console, transient=True):
                row = self._row(name, path)
                file.write(line([row[column] for column in COLUMNS]) if self.format == "csv" else as_line(row))
                file.flush()
                yield row

    def _row(self, name: str, path: Path) -> dict[str, Any]:
        try:
            answer = self.assistant.ask_image(path, Shown(1, where=self.where))
        except ImageError as error:
            known = {"image": name, "error": self._nameless(error), "policy": self.assistant.policy}
            return dict.fromkeys(COLUMNS, "") | known
        return summary(name, answer) | {"report": as_json(answer.report)}

    def _nameless(self, error: ImageError) -> str:
        """Say what is wrong without where this folder lies: its path may name a patient."""
        return str(error).replace(f"{self.images}/", "")

    def _closed(self, table: Path, rows: Sequence[Mapping[str, Any]], num_done: int) -> str:
        broken = [row for row in rows if row["error"]]
        if rows and len(broken) == len(rows) and not num_done:
            raise DataError(
                f"not one of {len(rows)} images could be read; {table} says why, such as: {broken[0]['error']}"
            )
        abstained = sum(row["abstained"] == "yes" for row in rows)
        judged = self.assistant.evidence.abstainer.fitted
        refused = (
            f"{abstained} images refused as none the model knows"
            if judged
            else "no image checked for being none that the model knows"
        )
        log.info("%d reports, %s, %d unreadable: %s", len(rows) - abstained - len(broken), refused, len(broken), table)
        reasons = {row["fallback_reason"] for row in rows} - {"", DRY_RUN}
        return min(reasons, default="")


def found(folder: Path) -> list[Path]:
    """Return the images of a folder at any depth, in the order of their names; hidden files are none."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return [path for path in paths if path.suffix.lower() in _PICTURES or _is_nameless_dicom(path)]


def _shown(path: Path) -> str:
    """Return a path as text that any file can hold, whatever bytes its name is made of."""
    return os.fsencode(path.as_posix()).decode("utf-8", "backslashreplace")


def _is_nameless_dicom(path: Path) -> bool:
    """Tell a DICOM that bears no suffix that says so."""
    try:
        return is_dicom(head(path))
    except ImageError:
        return False
