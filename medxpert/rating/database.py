"""The database of reader studies, and the time as it stands there."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

from medxpert import database

connected = partial(database.connected, room="medxpert.rating")
"""Opens it; see `database.connected`."""


def now() -> str:
    """Return the time as it is stored."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
