"""What a run came to, and where everything lies: python -m medxpert.summary [run]."""

from __future__ import annotations

import sys
from itertools import product
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from medxpert.errors import MedXpertError
from medxpert.evaluation.tables.columns import DIRECTIONS
from medxpert.folders import read_json
from medxpert.report import NOTICE
from medxpert.run import LATEST, Run, open_run

_PATHS = (
    ("report.html", "tables and plots, opens offline"),
    ("metrics.json", "every figure with its interval"),
    ("retrieval_topk.csv", "what each query retrieved"),
    ("checkpoints/best.ckpt", "best checkpoint"),
    ("model", "exported encoder"),
    ("index", "searchable cases"),
    ("samples", "test studies to try"),
    ("answers", "answers of the chain's queries"),
)
_SPLITS = ("val", "test", "test_abnormal")
_CUTOFFS = ("recall@1", "recall@5", "recall@10")


def recall_table(run: Run, direction: str) -> Table:
    """Lay out Recall@K before and after, the study's own answer against the whole gallery."""
    table = Table(
        title=f"{DIRECTIONS[direction]}, Recall@K in % (95 % interval)",
        title_justify="left",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    for name in ("queries", "weights"):
        table.add_column(name, no_wrap=True)
    for cutoff in _CUTOFFS:
        table.add_column(cutoff, justify="right", no_wrap=True)
    metrics = read_json(run.path / "metrics.json")
    for split, stage in product(_SPLITS, (run.provenance["starting_stage"], "adapted")):
        figures = metrics.get(stage, {}).get(split, {}).get(direction, {}).get("identity")
        if figures:
            table.add_row(split.replace("_", ", "), stage, *(_cell(figures, cutoff) for cutoff in _CUTOFFS))
    return table


def _cell(figures: dict[str, dict[str, float]], cutoff: str) -> str:
    """Show value and interval in percent; a pool smaller than the cutoff has neither."""
    if cutoff not in figures:
        return "-"
    value, low, high = (100 * figures[cutoff][name] for name in ("value", "low", "high"))
    return f"{value:.1f} [dim]{low:.1f}-{high:.1f}[/]"


def paths(run: Run) -> list[str]:
    """List what the run holds, a line each."""
    found = [(run.path / name, meaning) for name, meaning in _PATHS if (run.path / name).exists()]
    return [f"{_relative(path)}  {meaning}" for path, meaning in found]


def _relative(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def main() -> None:
    """Print both tables."""
    console = Console(soft_wrap=True)
    try:
        run = open_run(sys.argv[1] if len(sys.argv) > 1 else LATEST)
        for direction in DIRECTIONS:
            table = recall_table(run, direction)
            if table.row_count:
                console.print(table)
        console.print("\n".join([*paths(run), NOTICE]), highlight=False, markup=False)
    except MedXpertError as error:
        Console(stderr=True).print(f"error: {error}", soft_wrap=True, highlight=False, markup=False)
        raise SystemExit(error.exit_status) from None


if __name__ == "__main__":
    main()
