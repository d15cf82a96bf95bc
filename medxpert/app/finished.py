"""What the runs on disk came to: one line each, their tables and plots, read from what evaluation left there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medxpert.errors import DataError
from medxpert.evaluation.record import METRICS, TABLES
from medxpert.folders import read_json
from medxpert.run import CAPTIONER, PROVENANCE
from medxpert.tables.blocks import Block, Row, Shown
from medxpert.words import Policy

_DIRECTION, _CUTOFF = "image_to_text", "recall@10"


@dataclass(frozen=True)
class Finished:
    """One finished run.

    Attributes:
        path: its folder.
        provenance: as it was written.
        metrics: as they were written; {} where nothing was measured.
    """

    path: Path
    provenance: Mapping[str, Any]
    metrics: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Of its folder."""
        return self.path.name

    @property
    def policy(self) -> Policy:
        """The strictest policy of what went into the run."""
        policy: Policy = self.provenance["policy"]
        return policy

    @property
    def captions(self) -> bool:
        """Whether its model writes captions and embeds nothing."""
        return self.provenance.get("kind") == CAPTIONER

    def recall(self, split: str, stage: str = "adapted") -> float | None:
        """Return Recall@10 of a split, image to text, only the study's own; None where it was not measured."""
        found = self.metrics.get(stage, {}).get(split, {}).get(_DIRECTION, {}).get("identity", {}).get(_CUTOFF)
        return None if found is None else float(found["value"])

    def line(self) -> dict[str, Any]:
        """Return what tells it from other runs."""
        told = self.provenance
        return {
            "run": self.name,
            "model": told.get("model", ""),
            "data": told.get("data", ""),
            "R@10 before": self.recall("val", str(told.get("starting_stage", ""))),
            "R@10 val": self.recall("val"),
            "R@10 test": self.recall("test"),
            "training studies": told.get("studies", {}).get("train"),
            "minutes": _minutes(told.get("training_seconds")),
            "policy": self.policy,
            "finished": str(told.get("finished", ""))[:16].replace("T", " "),
        }

    def tables(self) -> dict[str, list[Block]]:
        """Return the tables of each split that was evaluated.

        Raises:
            DataError: a file of them is broken.
        """
        found = sorted((self.path / TABLES).glob("*.json"))
        return {path.stem: _blocks(path) for path in found if "tables" in read_json(path)}

    def plots(self) -> dict[str, Path]:
        """Return the plots by name."""
        return {path.stem: path for path in sorted((self.path / "plots").glob("*.png"))}


def finished_runs(outputs: Path) -> tuple[list[Finished], list[str]]:
    """Read all finished runs, the newest first, and say which could not be read."""
    found, faults = [], []
    for path in sorted(outputs.glob("*/"), key=lambda one: one.name, reverse=True):
        if path.is_symlink() or not (path / PROVENANCE).is_file():
            continue
        try:
            found.append(_finished(path))
        except DataError as error:
            faults.append(str(error))
    return found, faults


def _finished(path: Path) -> Finished:
    provenance = read_json(path / PROVENANCE)
    if "policy" not in provenance:
        raise DataError(f"{path / PROVENANCE} names no policy; make the run again: python train.py")
    metrics = path / METRICS
    return Finished(path, provenance, read_json(metrics) if metrics.is_file() else {})


def side_by_side(title: str, runs: Mapping[str, Sequence[Block]], whole: bool = False) -> Block | None:
    """Lay one table of several runs out as one: a row for each run and row; None where no run has it.

    Args:
        title: of the table.
        runs: name of a run -> its tables.
        whole: all rows, not only those that the evaluation is about.
    """
    rows: list[Row] = []
    first: Block | None = None
    for name, blocks in runs.items():
        block = next((one for one in blocks if one.title == title), None)
        if block is None:
            continue
        first = first or block
        kept = [row for row in block.rows if whole or row.kind == "main"]
        rows += [row._replace(name=f"{name} · {row.name}", cells=_ordered(row, block, first)) for row in kept]
    return None if first is None else first._replace(rows=tuple(rows))


def _ordered(row: Row, block: Block, wanted: Block) -> tuple[Shown, ...]:
    """Return a row's cells in the order of another table's columns, empty where there is no such column."""
    cells = dict(zip(block.columns, row.cells, strict=False))
    return tuple(cells.get(column, Shown("")) for column in wanted.columns)


def _blocks(path: Path) -> list[Block]:
    try:
        return [
            Block(
                one["title"],
                one["note"],
                tuple(one["columns"]),
                tuple(
                    Row(row["name"], tuple(Shown(c["value"], c["interval"]) for c in row["cells"]), row["kind"])
                    for row in one["rows"]
                ),
            )
            for one in read_json(path)["tables"]
        ]
    except (KeyError, TypeError) as error:
        raise DataError(f"{path} holds no tables ({error}); make them again: python evaluate.py") from error


def _minutes(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds / 60, 1)
