"""What one session holds of what was made for it: a few of each kind, the longest unused goes first."""

from __future__ import annotations

from collections.abc import Hashable, MutableMapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


@dataclass(frozen=True)
class Holding(Generic[Key, Value]):
    """Things of one kind in a session's state.

    Attributes:
        name: of its key in the state.
        most: things that are held at once.
    """

    name: str
    most: int

    def get(self, state: MutableMapping[Any, Any], key: Key) -> Value | None:
        """Return what is held; it then counts as just used."""
        held: dict[Key, Value] = state.setdefault(self.name, {})
        if key in held:
            held[key] = held.pop(key)
        return held.get(key)

    def put(self, state: MutableMapping[Any, Any], key: Key, value: Value) -> None:
        """Hold a thing; it counts as just used."""
        held: dict[Key, Value] = state.setdefault(self.name, {})
        held.pop(key, None)
        held[key] = value
        while len(held) > self.most:
            del held[next(iter(held))]

    def drop(self, state: MutableMapping[Any, Any], key: Key) -> None:
        """Hold it no longer."""
        state.get(self.name, {}).pop(key, None)
