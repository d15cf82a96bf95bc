"""What an evaluation leaves behind: figures, tables, plots, the list of answers and a page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from medxpert.errors import ConfigError
from medxpert.evaluation.parts.leaks import alarms
from medxpert.evaluation.plots.write import CAPTIONS, write_plots
from medxpert.evaluation.record import (
    COUNTED,
    METRICS,
    TABLES,
    TOP_K,
    count_look,
    read_metrics,
    write_answers,
    write_metrics,
)
from medxpert.evaluation.result import SplitResult
from medxpert.evaluation.tables.shift import beside
from medxpert.evaluation.tables.split import tables
from medxpert.folders import MANIFEST, explained
from medxpert.tables.blocks import Tables
from medxpert.tables.console import show
from medxpert.tables.formats import write_tables
from medxpert.tables.page import write_page
from medxpert.words import Policy

PLOTS, PAGE = "plots", "report.html"


def prepare(folder: Path) -> None:
    """Make a folder for what is to be written, and refuse now what would be refused after the measuring.

    Raises:
        ConfigError: it cannot be written, or holds what a run is made of.
        DataError: its metrics.json is broken.
    """
    if (folder / MANIFEST).is_file():
        raise ConfigError(f"give output=DIR: {folder} belongs to a run")
    with explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        TemporaryFile(dir=folder).close()
    read_metrics(folder / METRICS)


@dataclass(frozen=True)
class Publication:
    """What an evaluation leaves behind.

    Attributes:
        folder: where everything is written; prepared.
        provenance: of the run or the embeddings; its policy marks every file.
        run: folder of the run that was measured, whose metrics.json counts the looks; None for embeddings, whose looks
            are counted where everything is written.
        details: whether to print every table.
        remarks: lines to print and to write below the tables.
    """

    folder: Path
    provenance: Mapping[str, Any]
    run: Path | None = None
    details: bool = False
    remarks: tuple[str, ...] = ()

    @property
    def policy(self) -> Policy:
        """The strictest policy of what was measured."""
        policy: Policy = self.provenance["policy"]
        return policy

    def write(self, result: SplitResult, shifted: SplitResult | None = None) -> None:
        """Write figures and tables, print the tables, then write answers, plots and page.

        Raises:
            ConfigError: a file cannot be written.
        """
        results = [result] if shifted is None else [result, shifted]
        looks = [self._looked(one.split) for one in results if one.split in COUNTED]
        for one in results:
            write_metrics(self.folder / METRICS, one, self.policy)
        found = self._tables(result, shifted)
        write_tables(self.folder / TABLES, result.split, found, self.policy)
        paths = [str(self.folder / name) for name in (METRICS, TABLES, TOP_K, PLOTS, PAGE)]
        # Shown before the rest is written: what was measured is not lost where that fails.
        show(found, self.policy, [*looks, *paths], details=self.details)
        write_answers(self.folder / TOP_K, result, self.policy)
        write_plots(self.folder / PLOTS, result, self.policy)
        figures = {self.folder / PLOTS / name: caption for name, caption in CAPTIONS.items()}
        write_page(self.folder / PAGE, found, self.provenance, figures)

    def _looked(self, split: str) -> str:
        looks = count_look((self.run or self.folder) / METRICS, split, self.policy)
        return f"Look {looks} at {split} {'with this run' if self.run else f'in {self.folder}'}; choose on val."

    def _tables(self, result: SplitResult, shifted: SplitResult | None) -> Tables:
        found = tables(result)
        notes = (*alarms(result.part("leaks")), *self.remarks, *found.notes)
        if shifted is None:
            return found._replace(notes=notes)
        patients = len(set(shifted.cases.patient_ids))
        told = (
            f"shifted: {shifted.split}, {len(shifted.cases):,} studies of {patients:,} other patients, from another "
            "distribution. A drop is a difference of independent estimates, not a paired one."
        )
        blocks = beside(found.blocks, tables(shifted).blocks, result.main)
        return found._replace(notes=(*notes, told), blocks=blocks)
