"""The archive's database."""

from __future__ import annotations

from functools import partial

from medxpert import database

connected = partial(database.connected, room="medxpert.archive")
"""Opens it; see `database.connected`."""
