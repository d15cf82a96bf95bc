"""What one training step sees, and what it makes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from medxpert.data.order import Draw
from medxpert.data.sections import TextDraw
from medxpert.data.stored import Stored
from medxpert.text import normalise

Tokenizer = Callable[[Sequence[str]], NDArray[np.int64]]
_NEVER = np.random.default_rng()
"""Stands where nothing is drawn."""
TrainingImages = Literal["first", "random", "two"]
"""Which images of a study training sees: always the one preferred, one drawn in every epoch, or two of them."""


class Batch(NamedTuple):
    """B studies, with one or two images and one or two texts each; identical texts stand once.

    Attributes:
        pixels: uint8 [B, S, S] grey; [B, 0, 0] where image_states stand for them.
        tokens: int64 [U, L] the unique texts, padded to the longest.
        text_of: int64 [B] which of the U texts belongs to each study.
        rows: int64 [B] the studies' rows in their store.
        text_ids: int64 [U] the same number for texts that are equal after normalisation, in every process and epoch.
        labels: int8 [B, 14] as the cases table has them.
        second_pixels: uint8 [B, S, S] another image of each study, the same where it has only one; None where one
            image is wanted.
        second_text_of: int64 [B] another text of each study, likewise.
        image_states: bfloat16 [B, ...] what the frozen blocks make of the pixels, where that is cached.
        second_image_states: likewise of the second pixels, which are None then.
        text_states: bfloat16 [U, L, W] likewise of the tokens, zeros behind each text's end.
    """

    pixels: Tensor
    tokens: Tensor
    text_of: Tensor
    rows: Tensor
    text_ids: Tensor
    labels: Tensor
    second_pixels: Tensor | None = None
    second_text_of: Tensor | None = None
    image_states: Tensor | None = None
    second_image_states: Tensor | None = None
    text_states: Tensor | None = None


class States(Protocol):
    """What a model's frozen blocks make of images and texts."""

    def of_images(self, rows: Sequence[int]) -> Tensor | None:
        """Return bfloat16 [B, ...] for B rows of the store's pixels; None where they are not cached."""
        ...

    def of_texts(self, tokens: NDArray[np.int64]) -> Tensor | None:
        """Return bfloat16 [U, L, W] for tokens [U, L]; None where they are not cached."""
        ...


class Embedded(NamedTuple):
    """Unit rows [B, D] of one batch, with the studies' rows [B] in their store."""

    image: Tensor
    text: Tensor
    rows: Tensor


class _Sight(NamedTuple):
    """What one draw shows of its study."""

    row: int
    images: Sequence[int]
    texts: Sequence[str]


def _batch(store: Stored, sights: Sequence[_Sight], tokenizer: Tokenizer, states: States | None = None) -> Batch:
    unique: dict[str, int] = {}
    texts = [
        [unique.setdefault(text, len(unique)) for text in one] for one in zip(*(s.texts for s in sights), strict=True)
    ]
    images = [list(rows) for rows in zip(*(s.images for s in sights), strict=True)]
    pixels = [torch.empty((len(sights), 0, 0), dtype=torch.uint8)]
    image_states = [states.of_images(rows) if states else None for rows in images]
    if image_states[0] is None:
        pixels = [torch.from_numpy(store.pixels[rows]) for rows in images]
    rows, tokens = [sight.row for sight in sights], tokenizer(list(unique))
    return Batch(
        pixels[0],
        torch.from_numpy(tokens),
        torch.tensor(texts[0]),
        torch.tensor(rows),
        torch.tensor([_number(text) for text in unique]),
        torch.from_numpy(store.cases.labels[rows]),
        pixels[1] if len(pixels) > 1 else None,
        torch.tensor(texts[1]) if len(texts) > 1 else None,
        image_states[0],
        image_states[1] if len(image_states) > 1 else None,
        states.of_texts(tokens) if states else None,
    )


def _number(text: str) -> int:
    """Return a number below 2**63 for a text, the same wherever it is asked."""
    return int.from_bytes(blake2b(normalise(text).encode(), digest_size=8).digest(), "big") >> 1


@dataclass(frozen=True)
class Evaluated(Dataset[Batch]):
    """The studies of a split as they are always shown: the preferred image, the text of the cases table."""

    store: Stored
    tokenizer: Tokenizer

    def __getitem__(self, rows: Sequence[int]) -> Batch:
        """Gather the studies at some rows."""
        images, texts = self.store.image_rows, self.store.cases.texts
        sights = [_Sight(row, images[row][:1].tolist(), texts[row : row + 1]) for row in rows]
        return _batch(self.store, sights, self.tokenizer)


@dataclass(frozen=True)
class Drawn(Dataset[Batch]):
    """The studies of a split as training draws them.

    Args:
        store: the split.
        tokenizer: turns texts into int64 [U, L].
        text: draws the texts of a study.
        images: which images.
        seed: of everything drawn.
        states: stand for pixels and tokens; None shows these themselves.
    """

    store: Stored
    tokenizer: Tokenizer
    text: TextDraw
    images: TrainingImages
    seed: int
    states: States | None = None

    def __getitem__(self, draws: Sequence[Draw]) -> Batch:
        """Gather a batch."""
        return _batch(self.store, [self._sight(draw) for draw in draws], self.tokenizer, self.states)

    @property
    def _is_random(self) -> bool:
        return self.images != "first" or self.text.is_random

    def _sight(self, draw: Draw) -> _Sight:
        # making a generator takes a tenth of what decoding takes
        generator = np.random.default_rng((self.seed, *draw)) if self._is_random else _NEVER
        reports, rows = self.store.reports, self.store.every_image[draw.row]
        texts = self.text(reports.findings[draw.row], reports.impressions[draw.row], generator)
        return _Sight(draw.row, self._images(rows, generator), texts)

    def _images(self, rows: NDArray[np.int64], generator: np.random.Generator) -> Sequence[int]:
        if self.images == "first":
            return rows[:1].tolist()
        if self.images == "random":
            return [int(generator.choice(rows))]
        return np.resize(generator.permutation(rows), 2).tolist()
