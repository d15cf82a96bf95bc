"""How many operations a training step of CLIP needs, by formula; a multiplication and an addition are two."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from medxpert.models.architecture import Architecture, Transformer


class Layers(NamedTuple):
    """How often the layers below and above the border of what is frozen are gone through.

    A backward pass through a trainable layer is two products as large as that of the forward pass.
    """

    frozen: int
    trainable: int

    @property
    def passes(self) -> int:
        """Forward passes that cost the same."""
        return self.frozen + 3 * self.trainable


def step_flops(architecture: Architecture, frozen: tuple[int, int], images: int, lengths: Sequence[int]) -> float:
    """Count what one step needs: no padding, one grey channel, and the last block for the one token that is read off.

    Args:
        architecture: of two transformers.
        frozen: blocks of the image and of the text tower, at least 1; the embeddings below them are frozen too.
        images: how many.
        lengths: tokens of each text.
    """
    image, text, patch = architecture.image, architecture.text, architecture.patch
    if not isinstance(image, Transformer):
        raise ValueError(f"expected two transformers, found {architecture.name}")
    tokens = architecture.num_image_tokens
    patches = 2.0 * images * (tokens - 1) * patch**2 * image.width
    projections = 3 * 2.0 * architecture.embed_dim * (images * image.width + len(lengths) * text.width)
    return (
        patches
        + projections
        + _tower(image, frozen[0], [tokens] * images)
        + _tower(text, frozen[1], lengths)
        + 2 * 3 * 2.0 * images * len(lengths) * architecture.embed_dim
    )


def _tower(size: Transformer, frozen: int, lengths: Sequence[int]) -> float:
    whole = Layers(min(frozen, size.blocks - 1), max(size.blocks - 1 - frozen, 0))
    last = 1 if frozen >= size.blocks else 3
    return whole.passes * _block(size.width, lengths) + last * _pooled(size.width, lengths)


def _block(width: int, lengths: Sequence[int]) -> float:
    return sum(24.0 * length * width**2 + 4.0 * length**2 * width for length in lengths)


def _pooled(width: int, lengths: Sequence[int]) -> float:
    return sum(4.0 * length * width**2 + 20.0 * width**2 + 4.0 * length * width for length in lengths)


def prefix_flops(architecture: Architecture, frozen: tuple[int, int], images: int, lengths: Sequence[int]) -> float:
    """Count what a step need not compute where the frozen blocks' activations are cached; arguments as above."""
    image, text, tokens = architecture.image, architecture.text, architecture.num_image_tokens
    if not isinstance(image, Transformer):
        raise ValueError(f"expected two transformers, found {architecture.name}")
    blocks = min(frozen[0], image.blocks - 1) * _block(image.width, [tokens] * images)
    blocks += min(frozen[1], text.blocks - 1) * _block(text.width, lengths)
    return blocks + 2.0 * images * (tokens - 1) * len(architecture.mean) * architecture.patch**2 * image.width
