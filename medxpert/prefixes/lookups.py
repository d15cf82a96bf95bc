"""The way from a batch to its cached activations."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from medxpert.errors import DataError


@dataclass(frozen=True)
class Mapped:
    """Rows on disk, the bits of bfloat16 numbers, mapped by each process that reads them."""

    path: Path

    @cached_property
    def rows(self) -> NDArray[np.uint16]:
        """All of them, [R, ...]."""
        rows: NDArray[np.uint16] = np.load(self.path, mmap_mode="r")
        return rows

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path}  # a pickled map would be the whole file


@dataclass(frozen=True)
class ImageStates:
    """Activations of M images.

    Attributes:
        rows: [M] their rows in the store, ascending.
        states: [M, ...].
    """

    rows: NDArray[np.int64]
    states: Mapped

    def __call__(self, rows: Sequence[int]) -> Tensor:
        """Return the activations of B rows of the store, bfloat16 [B, ...]."""
        return numbers(self.states.rows[np.searchsorted(self.rows, rows)])


@dataclass(frozen=True)
class TextStates:
    """Activations of U texts, each with its own tokens only.

    Attributes:
        keys: [U] as `text_keys` gives them, ascending.
        places: [U] the place of each key's text.
        starts: [U + 1] where the tokens of each place begin.
        states: [all tokens, W].
    """

    keys: NDArray[np.uint64]
    places: NDArray[np.int64]
    starts: NDArray[np.int64]
    states: Mapped

    def __call__(self, tokens: NDArray[np.int64]) -> Tensor:
        """Return the activations of token rows [B, L], bfloat16 [B, L, W], zeros behind each text's end.

        Raises:
            DataError: a text is none of those that training was expected to draw.
        """
        keys = text_keys(tokens)
        found = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        if (self.keys[found] != keys).any():
            raise DataError("a text was drawn whose activations are not cached; leave model.cache_prefix out")
        states = self.states.rows
        rows = np.zeros((*tokens.shape, states.shape[-1]), np.uint16)
        for row, place in zip(rows, self.places[found], strict=True):
            start, end = self.starts[place : place + 2]
            row[: end - start] = states[start:end]
        return numbers(rows)


@dataclass(frozen=True)
class CachedStates:
    """What a training need not compute again; see `data.batch.States`."""

    images: ImageStates | None
    texts: TextStates | None

    def of_images(self, rows: Sequence[int]) -> Tensor | None:
        """Return bfloat16 [B, ...] for B rows of the store's pixels; None where they are not cached."""
        return self.images(rows) if self.images else None

    def of_texts(self, tokens: NDArray[np.int64]) -> Tensor | None:
        """Return bfloat16 [U, L, W] for tokens [U, L]; None where they are not cached."""
        return self.texts(tokens) if self.texts else None


def text_keys(tokens: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Return a number per token row [B, L] that tells its tokens up to its end, the highest of them."""
    lengths = tokens.argmax(axis=1) + 1
    parts = (row[:length].tobytes() for row, length in zip(tokens, lengths, strict=True))
    return np.array([int.from_bytes(hashlib.blake2b(part, digest_size=8).digest(), "big") for part in parts], np.uint64)


def bits(states: Tensor) -> NDArray[np.uint16]:
    """Round to bfloat16 and return the bits; grids [B, C, H, W] as [B, H, W, C], as convolutions read them."""
    if states.ndim == 4:
        states = states.permute(0, 2, 3, 1)
    rounded = states.to("cpu", torch.bfloat16).contiguous()
    found: NDArray[np.uint16] = rounded.view(torch.int16).numpy().view(np.uint16)
    return found


def numbers(rows: NDArray[np.uint16]) -> Tensor:
    """Return bfloat16 numbers from their bits, grids as [B, C, H, W] again."""
    states = torch.from_numpy(rows.view(np.int16)).view(torch.bfloat16)
    return states.permute(0, 3, 1, 2) if states.ndim == 4 else states
