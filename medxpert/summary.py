"""What a run came to, and where everything lies: python -m medxpert.summary [run]."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from medxpert.errors import MedXpertError
from medxpert.folders import read_json
from medxpert.run import LATEST, Run, open_run

_PATHS = (
    ("report.html", "tables and plots, opens offline"),
    ("metrics.json", "every figure with its interval"),
    ("retrieval_topk.csv", "what each query retrieved"),
    ("checkpoints/best.ckpt", "resumable checkpoint"),
    ("model", "exported encoder"),
    ("index", "searchable cases"),
    ("samples", "test studies to try"),
    ("answers", "answers of the chain's queries"),
)
_DIRECTIONS = {"image_to_text": "image → text", "text_to_image": "text → image"}
_CUTOFFS = ("recall@1", "recall@5", "recall@10")


def recall_table(run: Run) -> Table:
    """Lay out Recall@K per stage, split and direction, all studies against all, with chance."""
    table = Table(title=f"{run.path.name}: Recall@K (identity), before and after", title_justify="left")
    for name in ("split", "direction", "weights", *_CUTOFFS):
        table.add_column(name, justify="right" if name in _CUTOFFS else "left")
    metrics = read_json(run.path / "metrics.json")
    for split in ("val", "test", "test_abnormal"):
        for direction, shown in _DIRECTIONS.items():
            for stage in (run.provenance["starting_stage"], "adapted"):
                figures = metrics.get(stage, {}).get(split, {}).get(direction, {}).get("identity")
                if figures:
                    table.add_row(split, shown, stage, *(_cell(figures[cutoff]) for cutoff in _CUTOFFS))
    return table


def _cell(figure: dict[str, Any]) -> str:
    return f"{figure['value']:.1%} ({figure['low']:.1%} to {figure['high']:.1%})".replace("%", "")


def path_table(run: Run) -> Table:
    """List what the run holds."""
    table = Table(show_header=False, box=None)
    for name, meaning in _PATHS:
        path = run.path / name
        if path.exists():
            table.add_row(meaning, str(_relative(path)))
    return table


def _relative(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def main() -> None:
    """Print both tables."""
    console = Console(soft_wrap=True)
    try:
        run = open_run(sys.argv[1] if len(sys.argv) > 1 else LATEST)
        console.print(recall_table(run), path_table(run))
    except MedXpertError as error:
        Console(stderr=True).print(f"error: {error}", soft_wrap=True, highlight=False)
        raise SystemExit(error.exit_status) from None


if __name__ == "__main__":
    main()
