"""What the activations of one side are, and what they follow from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Recipe:
    """How R rows of bfloat16 numbers are computed, chunk by chunk.

    Attributes:
        side: "image" or "text".
        known: all that they follow from, as JSON values; another content makes another folder.
        shape: [R, ...] of all rows.
        bounds: [C + 1] ascending, from 0 to R: chunk c holds the rows from bounds[c] to bounds[c + 1].
        compute: maps a chunk's number to its rows, the bits of bfloat16 numbers.
    """

    side: str
    known: Mapping[str, Any]
    shape: tuple[int, ...]
    bounds: NDArray[np.int64]
    compute: Callable[[int], NDArray[np.uint16]]

    @cached_property
    def name(self) -> str:
        """Of the folder."""
        told = json.dumps([self.known, self.shape], sort_keys=True)
        return f"{self.side}-{hashlib.sha256(told.encode()).hexdigest()[:24]}"

    @property
    def num_chunks(self) -> int:
        """C."""
        return len(self.bounds) - 1

    @property
    def num_bytes(self) -> int:
        """Bytes of all rows."""
        return int(np.prod(self.shape, dtype=np.int64)) * 2

    def rows(self, chunk: int) -> slice:
        """Return where a chunk stands."""
        return slice(int(self.bounds[chunk]), int(self.bounds[chunk + 1]))
