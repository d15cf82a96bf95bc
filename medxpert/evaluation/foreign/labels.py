"""Observations of somebody else's studies: from their columns, or read from their texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from medxpert.cases import encode_labels
from medxpert.data.columns import Columns
from medxpert.data.tables import Row
from medxpert.errors import DataError
from medxpert.labeler import label_report
from medxpert.ontology import MISSING, NEGATIVE, NO_FINDING, OBSERVATIONS, POSITIVE, UNCERTAIN, observation

_STRENGTH = (MISSING, NEGATIVE, UNCERTAIN, POSITIVE)
"""Where several names mean one observation, the last of these wins."""
_MIN_READABLE = 0.25
"""Share of texts that must mention an observation before "nothing mentioned" may mean a normal film."""


class Labels(NamedTuple):
    """Observations of N studies."""

    values: NDArray[np.int8]
    """[N, 14] in {1, 0, -1, MISSING}."""
    remarks: list[str]
    unused: tuple[str, ...] = ()
    """Names that are none of the 14 observations."""


def unlabelled(count: int) -> NDArray[np.int8]:
    """Return labels [N, 14] that say nothing."""
    return np.full((count, len(OBSERVATIONS)), MISSING, np.int8)


def given_labels(values: Sequence[Sequence[int] | None], path: Path) -> Labels:
    """Check labels that come as one list of 14 per study.

    Raises:
        DataError: a list has another length or other values.
    """
    found = unlabelled(len(values))
    for row, given in enumerate(values):
        if given is None:
            continue
        coded = [MISSING if value is None else value for value in given]
        if len(coded) != len(OBSERVATIONS) or not all(value in _STRENGTH for value in coded):
            raise DataError(
                f"{path}: labels of row {row}: expected {len(OBSERVATIONS)} values of 1, 0, -1 or {MISSING} "
                f"(not mentioned), found {coded}; correct the column labels"
            )
        found[row] = coded
    absent = sum(given is None for given in values)
    told = f"{path.name}: no labels for {absent:,} of {len(values):,} rows: nothing is known of these."
    return Labels(found, [told] if absent else [])


def column_labels(columns: Columns, table: Sequence[Row], path: Path) -> Labels:
    """Read labels under any name that `ontology.observation` knows, and say what was renamed or left aside.

    Raises:
        DataError: a value is none of 1, 0, -1 and nothing.
    """
    joined = {name for row in table for name in columns.joined(row)} if "labels" in columns.places else set()
    names = {name: _known(name) for name in sorted(joined | set(columns.labels))}
    values = unlabelled(len(table))
    places = {name: OBSERVATIONS.index(known) for name, known in names.items() if known is not None}
    for study, row in enumerate(table):
        for name, value in _statuses(columns, row, joined, path).items():
            if name in places:
                values[study, places[name]] = max(values[study, places[name]], value, key=_STRENGTH.index)
    renamed = [f"{name} as {known}" for name, known in names.items() if known and _differs(name, known)]
    told = [f"{path.name}: labels read: {', '.join(renamed)}."] if renamed else []
    return Labels(values, told, tuple(name for name, known in names.items() if known is None))


def text_labels(texts: Sequence[str], unused: Sequence[str] = ()) -> Labels:
    """Read labels from reports as CheXpert's labeler does; none where hardly a text mentions an observation.

    Args:
        texts: N reports.
        unused: names that were given and are none of the 14 observations.
    """
    none = f"none of the 14 observations given (not used: {', '.join(unused)})" if unused else "none given"
    read = {text: label_report(text, "chexpert") for text in dict.fromkeys(texts)}
    silent = {text for text, labels in read.items() if not _mentions(labels)}
    count = sum(text in silent for text in texts)
    if count > (1 - _MIN_READABLE) * len(texts):
        told = f"labels: {none}, and {count:,} of {len(texts):,} texts mention no observation in English: none used."
        return Labels(unlabelled(len(texts)), [told])
    coded = {
        text: encode_labels({name: value for name, value in labels.items() if value is not None})
        for text, labels in read.items()
    }
    told = (
        f"labels: {none}; read from the texts by rules for English reports (convention chexpert); "
        f"{count:,} of {len(texts):,} texts mention no observation."
    )
    return Labels(np.array([coded[text] for text in texts], np.int8), [told])


def _mentions(labels: Mapping[str, int | None]) -> bool:
    return any(value is not None for name, value in labels.items() if name != NO_FINDING)


def _known(name: str) -> str | None:
    try:
        return observation(name)
    except KeyError:
        return None


def _statuses(columns: Columns, row: Row, joined: set[str], path: Path) -> dict[str, int]:
    """Return the row's names and values; of joined names, those that the row does not hold are negative."""
    if joined:
        present = columns.joined(row)
        return dict.fromkeys(joined, NEGATIVE) | dict.fromkeys(present, POSITIVE) if present else {}
    try:
        return columns.statuses(row)
    except ValueError as error:
        raise DataError(f"{path}:{row.line}: {error}; correct the cell") from error


def _differs(name: str, known: str) -> bool:
    return name.replace("_", " ").casefold() != known.casefold()
