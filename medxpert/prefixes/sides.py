"""The images and the texts that a training can draw, each once, and how their activations are computed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from medxpert.data.batch import Drawn
from medxpert.models.clip import CLIP
from medxpert.models.freezing import FreezableTower
from medxpert.prefixes.frozen import weights_digest
from medxpert.prefixes.lookups import ImageStates, Mapped, TextStates, bits, text_keys
from medxpert.prefixes.recipe import Recipe

_CHUNK = 32
"""Images or texts that are computed at a time."""
_VERSION = 1
Below = Callable[[FreezableTower, Tensor, Tensor | None], Tensor]
"""Computes `tower.below(inputs, places)` on the device and in the precision of the training."""


class Side(Protocol):
    """One of the two."""

    def recipe(self, model: CLIP, precision: str, below: Below) -> Recipe:
        """Return how the activations are computed by a model's frozen blocks in a precision."""
        ...

    def states(self, mapped: Mapped) -> ImageStates | TextStates:
        """Return the way to the activations."""
        ...


def known(model: CLIP, tower: FreezableTower, precision: str) -> dict[str, Any]:
    """Return what a tower's activations follow from besides its inputs, as JSON values."""
    return {
        "version": _VERSION,
        "architecture": repr(model.architecture),
        "frozen_blocks": tower.num_frozen,
        "weights": weights_digest(tower),
        "precision": precision,
    }


class Images:
    """The M images that training can draw, as their rows in the store."""

    def __init__(self, drawn: Drawn) -> None:
        self._store = drawn.store
        every = drawn.store.every_image
        self._rows = np.unique(np.concatenate([rows[:1] for rows in every] if drawn.images == "first" else every))

    def recipe(self, model: CLIP, precision: str, below: Below) -> Recipe:
        """Return how their activations are computed, [M, ...]."""
        parts = _parts(len(self._rows))
        digest = hashlib.sha256(self._rows.tobytes()).hexdigest()
        made_of = {**known(model, model.image, precision), "data": self._store.fingerprint, "rows": digest}

        def states(part: slice) -> NDArray[np.uint16]:
            return bits(below(model.image, torch.from_numpy(self._store.pixels[self._rows[part]]), None))

        bounds = np.array([0, *(part.stop for part in parts)])
        shape = (len(self._rows), *states(slice(1)).shape[1:])
        return Recipe("image", made_of, shape, bounds, lambda chunk: states(parts[chunk]))

    def states(self, mapped: Mapped) -> ImageStates:
        """Return the way to their activations."""
        return ImageStates(self._rows, mapped)


class Texts:
    """The U texts that training can draw, the shortest first.

    They are told apart by their tokens: what differs in capitals only is one text.
    """

    def __init__(self, drawn: Drawn) -> None:
        reports, self._tokenizer = drawn.store.reports, drawn.tokenizer
        found: dict[int, tuple[int, str]] = {}
        for pair in zip(reports.findings, reports.impressions, strict=True):
            for text in drawn.text.possible(*pair):
                tokens = self._tokenizer([text])
                found.setdefault(int(text_keys(tokens)[0]), (tokens.shape[1], text))
        order = sorted(found, key=lambda key: (found[key][0], key))
        self._texts = [found[key][1] for key in order]
        self._lengths = np.array([found[key][0] for key in order])
        self._starts = np.cumsum([0, *self._lengths])
        self._keys = np.array(order, np.uint64)

    def recipe(self, model: CLIP, precision: str, below: Below) -> Recipe:
        """Return how their activations are computed, [all tokens, W]."""
        parts = _parts(len(self._texts))
        digest = hashlib.sha256(self._keys.tobytes() + self._starts.tobytes()).hexdigest()
        made_of = {**known(model, model.text, precision), "texts": digest}

        def states(part: slice) -> NDArray[np.uint16]:
            tokens = torch.from_numpy(self._tokenizer(self._texts[part]))
            padded = bits(below(model.text, tokens, tokens.argmax(dim=-1)))
            return np.concatenate([one[:length] for one, length in zip(padded, self._lengths[part], strict=True)])

        bounds = np.array([0, *(self._starts[part.stop] for part in parts)])
        shape = (int(self._starts[-1]), states(slice(1)).shape[-1])
        return Recipe("text", made_of, shape, bounds, lambda chunk: states(parts[chunk]))

    def states(self, mapped: Mapped) -> TextStates:
        """Return the way to their activations."""
        places = np.argsort(self._keys)
        return TextStates(self._keys[places], places, self._starts, mapped)


def _parts(count: int) -> list[slice]:
    """Divide images or texts into chunks."""
    return [slice(start, min(start + _CHUNK, count)) for start in range(0, count, _CHUNK)]
