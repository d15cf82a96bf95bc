"""What all encoders of an exported model have in common, whatever computes: files, tokens, shapes and batches."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from medxpert.errors import DataError, MissingExtraError
from medxpert.models.encoders.mapped import map_weights
from medxpert.models.folder import MERGES, WEIGHTS, Card, read_card
from medxpert.models.layers import Floats, Weights
from medxpert.models.tokenizer import Tokenizer, read_merges
from medxpert.models.weights import check_weights


class ExportedEncoder(ABC):
    """A model folder that `CLIP.export` wrote. Implements `words.Encoder`.

    Attributes:
        batch: images or texts that are computed at once.
        packages: what computes.
        extra: the extra of this project that brings them.
        architecture: what it is made of.
        weights: name -> float32 array, mapped from the file.
        image_side: pixels per side that `encode_images` expects.
        embed_dim: width D of the rows.
        fingerprint: sha256 of the weights file.
    """

    batch: ClassVar[int] = 64
    packages: ClassVar[tuple[str, ...]] = ()
    extra: ClassVar[str] = ""

    def __init__(self, folder: Path, card: Card, weights: Weights) -> None:
        self._folder = folder
        self.architecture = card.architecture
        self.weights = weights
        self.image_side = card.architecture.image_side
        self.embed_dim = card.architecture.embed_dim
        self.fingerprint = card.fingerprint

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open a model folder; weights are mapped into memory, read when used.

        Raises:
            DataError: the folder is incomplete, broken, changed, or holds other weights than its card says.
            MissingExtraError: what computes is not installed.
        """
        cls.require()
        card = read_card(folder)
        path = folder / WEIGHTS
        weights = map_weights(path)
        check_weights({name: array.shape for name, array in weights.items()}, card.architecture, path)
        return cls(folder, card, weights)

    @classmethod
    def require(cls) -> None:
        """Refuse to start where one of `packages` is not installed.

        Raises:
            MissingExtraError: one is not.
        """
        for package in cls.packages:
            if find_spec(package) is None:
                raise MissingExtraError(package, cls.extra)

    def encode_images(self, pixels: NDArray[np.uint8]) -> Floats:
        """Encode grey pixels [B, image_side, image_side] to unit rows [B, D].

        Raises:
            DataError: the images have another shape.
        """
        expected = (self.image_side, self.image_side)
        if pixels.ndim != 3 or pixels.shape[1:] != expected:
            raise DataError(f"expected grey images [B, {expected[0]}, {expected[1]}], found {list(pixels.shape)}")
        rows = [self._images(pixels[at : at + self.batch]) for at in range(0, len(pixels), self.batch)]
        return np.concatenate([np.empty((0, self.embed_dim), np.float32), *rows])

    def encode_texts(self, texts: Sequence[str]) -> Floats:
        """Encode B texts to unit rows [B, D]; a text longer than the model's context is cut."""
        parts = [texts[at : at + self.batch] for at in range(0, len(texts), self.batch)]
        rows = [self._texts(self._tokenizer(part)) for part in parts]
        return np.concatenate([np.empty((0, self.embed_dim), np.float32), *rows])

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        return Tokenizer(read_merges(self._folder / MERGES), self.architecture.context_length)

    @abstractmethod
    def _images(self, pixels: NDArray[np.uint8]) -> Floats:
        """Encode one batch of at least one image."""

    @abstractmethod
    def _texts(self, tokens: NDArray[np.int64]) -> Floats:
        """Encode one batch of at least one text, tokens [B, L]."""
