"""The data set of a run, read again for whole reports and full pictures."""

from __future__ import annotations

from functools import partial
from inspect import signature
from pathlib import Path
from typing import Any

from medxpert.app.opening import described
from medxpert.errors import MedXpertError
from medxpert.resuming import read_config
from medxpert.words import Reader


def reader_of(run: Path) -> Reader | None:
    """Return the reader of a run's data set; None where it cannot be opened any more."""
    try:
        data: Any = read_config(run).get("data")
        reader: Any = described(data) if isinstance(data, dict) else None
    except MedXpertError:
        return None
    # labels come from the run's own table
    spares = reader is not None and "label_texts" in signature(reader).parameters
    found: Reader | None = partial(reader, label_texts=False) if spares else reader
    return found
