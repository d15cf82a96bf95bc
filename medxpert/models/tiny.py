"""A small CLIP for radiographs that trains on a laptop's processor in minutes."""

from __future__ import annotations

from collections.abc import Sequence

from medxpert.errors import ConfigError
from medxpert.models.architecture import Architecture, Convolutional, Transformer
from medxpert.models.clip import CLIP, NOTHING_FROZEN, Freeze, build
from medxpert.models.lora import NO_LORA, LoRA

_TEXT_HEAD = 32


def clip_tiny(
    image_side: int = 128,
    image_widths: Sequence[int] = (64, 128, 192),
    cell_width: int = 32,
    text_width: int = 128,
    text_blocks: int = 2,
    embed_dim: int = 128,
    vocab_size: int = 8192,
    context_length: int | None = None,
    weights: str | None = None,
    freeze: Freeze = NOTHING_FROZEN,
    lora: LoRA = NO_LORA,
    cache_prefix: bool = False,
) -> CLIP:
    """Build the small CLIP: a convolutional image tower and a text tower of CLIP's blocks.

    Args:
        image_side: pixels per side, a multiple of the last grid's cell: 4, then twice that per further block.
        image_widths: channels of the image tower's blocks.
        cell_width: values kept per cell of the last grid, all of which make the embedding.
        text_width: width of the text tower, a multiple of 32.
        text_blocks: transformer blocks of the text tower.
        embed_dim: width of the shared space.
        vocab_size: tokens, 514 to 49,408; a smaller table spells more words out.
        context_length: tokens of the longest text, marks included; the positions of weights are stretched or cut to
            it. None for as many as the weights were trained with, 77 with random ones.
        weights: a run or its model folder; None for random weights.
        freeze: what stays as it is.
        lora: adapters that are trained in place of the weights.
        cache_prefix: compute what the frozen blocks make of the training data only once, and keep it on disk.

    Raises:
        ConfigError: sizes that do not divide, or weights that cannot be had.
        DataError: the weights are broken.
    """
    if text_width < 1 or text_width % _TEXT_HEAD:
        raise ConfigError(f"model.text_width={text_width} is not a positive multiple of {_TEXT_HEAD}")
    image = Convolutional(tuple(image_widths), cell_width)
    architecture = Architecture(
        name="clip_tiny",
        image_side=image_side,
        patch=image.patch,
        embed_dim=embed_dim,
        image=image,
        text=Transformer(text_width, text_blocks, text_width // _TEXT_HEAD),
        standardised=True,
        vocab_size=vocab_size,
        mean=(0.5,),
        std=(0.25,),
    )
    return build(architecture, weights, freeze, lora, context_length, cache_prefix)
