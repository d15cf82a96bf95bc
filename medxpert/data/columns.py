"""What a manifest's columns mean."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from medxpert.data.labels import is_label, label_value
from medxpert.data.tables import Row, RowError
from medxpert.data.views import projection
from medxpert.errors import ConfigError, DataError
from medxpert.ontology import POSITIVE
from medxpert.words import SPLITS

_NAMES: dict[str, Any] = json.loads(files("medxpert.data").joinpath("columns.json").read_text("utf-8"))
_TEXTS = ("findings", "impression", "report")


@dataclass(frozen=True)
class Columns:
    """Where things stand in a row.

    Attributes:
        header: the names as written.
        places: role (a key of columns.json) -> place, for the roles that the manifest has.
        labels: name of a column of 1, 0, -1 or nothing -> place; empty where one column joins the names.
    """

    header: Sequence[str]
    places: Mapping[str, int]
    labels: Mapping[str, int]

    @classmethod
    def of(cls, header: Sequence[str], path: Path) -> Columns:
        """Understand a header; where two columns could play a role, the name listed first wins.

        Raises:
            DataError: no column can hold the image.
        """
        keys = ["_".join(name.lower().replace("_", " ").split()) for name in header]
        found = {role: [name for name in names if name in keys] for role, names in _NAMES["columns"].items()}
        places = {role: keys.index(names[0]) for role, names in found.items() if names}
        if "image" not in places:
            expected = ", ".join(_NAMES["columns"]["image"])
            raise DataError(
                f"{path}: expected an image column ({expected}), found columns {', '.join(header)}; rename one"
            )
        joined = "labels" in places
        labels = {} if joined else {name: place for place, name in enumerate(header) if is_label(name)}
        return cls(header, places, labels)

    def require_text(self, prompts: bool, path: Path) -> None:
        """Check that texts can be read, or with `prompts` be written from labels.

        Raises:
            ConfigError: `prompts` should be the other way round.
            DataError: there are neither reports nor labels.
        """
        labelled = bool(self.labels) or "labels" in self.places
        if prompts and not labelled:
            raise ConfigError(f"data.prompts=true: {path} has no label column; set data.prompts=false")
        if prompts or any(role in self.places for role in _TEXTS):
            return
        if labelled:
            raise ConfigError(f"{path} has labels but no reports; to write texts from them, set data.prompts=true")
        expected = ", ".join(["findings", "impression", *_NAMES["columns"]["report"]])
        found = ", ".join(self.header)
        raise DataError(f"{path}: expected a text column ({expected}), found columns {found}; rename one")

    def cell(self, row: Row, role: str) -> str:
        """Return the cell of a role, "" where the manifest has no such column."""
        return row.cells[self.places[role]] if role in self.places else ""

    def split(self, row: Row) -> str:
        """Return one of `SPLITS`.

        Raises:
            RowError: the cell names none.
        """
        cell = self.cell(row, "split")
        if cell.lower() not in _NAMES["splits"]:
            raise RowError("unknown split", f"expected {', '.join(SPLITS)}, found {cell!r}")
        split: str = _NAMES["splits"][cell.lower()]
        return split

    def view(self, row: Row) -> str:
        """Return "PA", "AP", "LATERAL" or ""."""
        cell = self.cell(row, "view")
        view: str = _NAMES["views"].get(cell.lower()) or projection(cell)
        return view

    def joined(self, row: Row) -> list[str]:
        """Return the names in the column of joined labels."""
        return [name.strip() for name in self.cell(row, "labels").split("|") if name.strip()]

    def statuses(self, row: Row) -> dict[str, int]:
        """Return the data set's own label names -> 1, 0 or -1, as far as the row tells them.

        Raises:
            RowError: a joined name is unknown, or a value is none of 1, 0, -1 and nothing.
        """
        names = self.joined(row)
        unknown = [name for name in names if not is_label(name)]
        if unknown:
            raise RowError("unknown label", repr(unknown[0]))
        found = {name: label_value(name, row.cells[place]) for name, place in self.labels.items()}
        return dict.fromkeys(names, POSITIVE) | {name: v for name, v in found.items() if v is not None}
