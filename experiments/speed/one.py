"""Measure one row of the speed study in this process, and write it to a file as JSON; `measure.py` starts it."""

from __future__ import annotations

import json
import math
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from limits import hardware
from timing import Row

_MOST_APART = 0.01
"""Part by which a ratio may differ from what the two figures beside it give, for rounding's sake."""


def measured(module: str, name: str, quick: bool) -> dict[str, Any]:
    """Measure one row of rows/<module>.py.

    Raises:
        ValueError: the row contradicts itself.
    """
    row: Row = import_module(f"rows.{module}").ROWS[name](quick)
    check(name, row)
    return {**row._asdict(), "notes": list(row.notes), "hardware": hardware()._asdict(), "quick": quick}


def check(name: str, row: Row) -> None:
    """Refuse a row that lacks something or whose figures do not belong together.

    Raises:
        ValueError: naming the first fault.
    """
    if row.name != name:
        raise ValueError(f"expected a row named {name}, found {row.name}")
    figures = ("ratio", "target", "ours", "stock", "value", "share_of_limit")
    for key, figure in [(key, getattr(row, key)) for key in figures] + [*row.growth.items()]:
        if not (isinstance(figure, int | float) and math.isfinite(figure)):
            raise ValueError(f"{key} must be a finite number, found {figure!r}")
    more = row.ours / row.stock
    if min(abs(row.ratio / one - 1) for one in (more, 1 / more)) > _MOST_APART:
        raise ValueError(
            f"the ratio {row.ratio:.3f} does not follow from {row.ours:.4g} and {row.stock:.4g} {row.unit}"
        )
    share = row.ours / row.value
    if min(abs(row.share_of_limit / one - 1) for one in (share, 1 / share)) > _MOST_APART:
        raise ValueError(
            f"the share {row.share_of_limit:.3f} does not follow from {row.ours:.4g} of {row.value:.4g} {row.unit}"
        )
    if set(row.peak_memory_mb) != {"ours", "stock"}:
        raise ValueError(f"peak_memory_mb must name ours and stock, found {sorted(row.peak_memory_mb)}")
    if "exponent" not in row.growth or len(row.growth) < 4:
        raise ValueError(f"growth needs three sizes and an exponent, found {sorted(row.growth)}")


def main() -> None:
    """Do what the command line says: module, row, quick or full, file to write; or module, prepare, quick or full."""
    module, name, size, *rest = sys.argv[1:]
    if name == "prepare":
        import_module(f"rows.{module}").prepare(size == "quick")
        return
    (target,) = rest
    Path(target).write_text(json.dumps(measured(module, name, size == "quick")), encoding="utf-8")


if __name__ == "__main__":
    main()
