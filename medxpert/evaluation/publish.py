"""What an evaluation leaves behind: figures, tables, plots, the list of answers and a page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medxpert.evaluation.parts.leaks import alarms
from medxpert.evaluation.plots.write import write_plots
from medxpert.evaluation.record import METRICS, TOP_K, write_answers, write_metrics
from medxpert.evaluation.result import SplitResult
from medxpert.evaluation.tables.blocks import Tables
from medxpert.evaluation.tables.console import show
from medxpert.evaluation.tables.formats import write_tables
from medxpert.evaluation.tables.page import write_page
from medxpert.evaluation.tables.shift import beside
from medxpert.evaluation.tables.split import tables
from medxpert.folders import explained
from medxpert.words import SHIFTED, Policy

PLOTS, PAGE, TABLES = "plots", "report.html", "tables"
TEST = "test"


@dataclass(frozen=True)
class Publication:
    """What an evaluation leaves behind.

    Attributes:
        folder: where everything is written.
        provenance: of the run or the embeddings; its policy marks every file.
        details: whether to print every table.
        remarks: lines to print and to write below the tables.
    """

    folder: Path
    provenance: Mapping[str, Any]
    details: bool = False
    remarks: tuple[str, ...] = ()

    @property
    def policy(self) -> Policy:
        """The strictest policy of what was measured."""
        policy: Policy = self.provenance["policy"]
        return policy

    def write(self, result: SplitResult, shifted: SplitResult | None = None) -> None:
        """Write figures, answers, plots, tables and page, and print the tables.

        Raises:
            ConfigError: a file cannot be written.
        """
        with explained(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        looks = write_metrics(self.folder / METRICS, result, self.policy, looked=result.split in (TEST, SHIFTED))
        found = self._tables(result, shifted)
        if shifted is not None:
            write_metrics(self.folder / METRICS, shifted, self.policy, looked=True)
        write_answers(self.folder / TOP_K, result, self.policy)
        write_plots(self.folder / PLOTS, result, self.policy)
        write_tables(self.folder / TABLES, result.split, found, self.policy)
        write_page(self.folder / PAGE, found, self.provenance, self.folder / PLOTS)
        told = [f"Look {looks} at {result.split} with this run; choose on val."] if looks else []
        paths = [str(self.folder / name) for name in (METRICS, TABLES, TOP_K, PLOTS, PAGE)]
        show(found, self.policy, [*told, *paths], details=self.details)

    def _tables(self, result: SplitResult, shifted: SplitResult | None) -> Tables:
        found = tables(result)
        notes = (*alarms(result.part("leaks")), *self.remarks, *found.notes)
        if shifted is None:
            return found._replace(notes=notes)
        return found._replace(notes=notes, blocks=beside(found.blocks, tables(shifted).blocks, result.main))
