"""A data set's own labels as the 14 observations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import lru_cache

from medxpert.data.tables import RowError
from medxpert.ontology import NEGATIVE, OBSERVATIONS, POSITIVE, UNCERTAIN, observation

_VALUES: Mapping[str, int | None] = {
    **dict.fromkeys(("", "nan"), None),
    **dict.fromkeys(("1", "1.0", "true"), POSITIVE),
    **dict.fromkeys(("0", "0.0", "false"), NEGATIVE),
    **dict.fromkeys(("-1", "-1.0"), UNCERTAIN),
}


def merged(labels: Mapping[str, int]) -> dict[str, int]:
    """Rename labels to the 14 observations; where several names mean one, positive wins, then uncertain.

    Raises:
        KeyError: `ontology.observation` does not know a name.
    """
    values: defaultdict[str, list[int]] = defaultdict(list)
    for name, value in labels.items():
        if (known := observation(name)) is not None:
            values[known].append(value)
    strength = (NEGATIVE, UNCERTAIN, POSITIVE).index
    return {name: max(values[name], key=strength) for name in OBSERVATIONS if name in values}


def label_value(name: str, cell: str) -> int | None:
    """Read a cell of 1, 0, -1 (as whole numbers or with .0) or nothing, which is None.

    Raises:
        RowError: it holds something else.
    """
    if cell.lower() not in _VALUES:
        raise RowError("broken label", f"{name}: expected 1, 0, -1 or nothing, found {cell!r}")
    return _VALUES[cell.lower()]


def is_label(name: str) -> bool:
    """Tell whether `ontology.observation` knows a name."""
    try:
        observation(name)
    except KeyError:
        return False
    return True


def cell_labels(cells: Mapping[str, str], names: Iterable[str]) -> dict[str, int]:
    """Read cells of 1, 0, -1 or nothing: the 14 observations, as far as they are mentioned.

    Args:
        cells: a row by its columns' names.
        names: of the columns that are labels.

    Raises:
        RowError: a cell holds something else.
    """
    return dict(_cell_labels(tuple((name, cells[name]) for name in names)))


@lru_cache(maxsize=1 << 16)
def _cell_labels(cells: tuple[tuple[str, str], ...]) -> dict[str, int]:
    """Few rows are distinct, so that a cache makes 200,000 of them cheap."""
    found = {name: label_value(name, cell) for name, cell in cells}
    return merged({name: value for name, value in found.items() if value is not None})
