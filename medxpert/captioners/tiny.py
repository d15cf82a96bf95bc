"""A small BLIP for radiographs that trains on a laptop's processor in minutes, on words of the data."""

from __future__ import annotations

from collections.abc import Sequence

from transformers.models.blip.configuration_blip import BlipConfig

from medxpert.captioners.config import located
from medxpert.captioners.folder import opened
from medxpert.captioners.model import NOTHING_FROZEN, CaptionModel, Freeze, Recipe
from medxpert.captioners.network import ConvolutionalBlip, patch_of
from medxpert.captioners.tokens import Tokens, learn_words, vocabulary_size
from medxpert.errors import ConfigError

_HEAD = 32
_GREY = {"mean": (0.5, 0.5, 0.5), "std": (0.25, 0.25, 0.25)}


def blip_tiny(
    image_side: int = 128,
    stem_widths: Sequence[int] = (32, 64, 128),
    image_blocks: int = 1,
    width: int = 192,
    text_blocks: int = 2,
    context_length: int = 96,
    weights: str | None = None,
    freeze: Freeze = NOTHING_FROZEN,
) -> Recipe:
    """Describe the small captioner: a convolutional stem, transformer blocks for image and text, words as tokens.

    Args:
        image_side: pixels per side, a multiple of the side of one image token: 4, then twice that per further width.
        stem_widths: channels of the convolutional stages, one to three.
        image_blocks: transformer blocks above the stem, at least 1.
        width: of all transformer blocks, a multiple of 32.
        text_blocks: transformer blocks of the decoder, at least 1.
        context_length: tokens of the longest caption, marks included.
        weights: a run of a captioner or its captioner folder, whose sizes and words count then; None for random ones.
        freeze: what stays as it is.

    Raises:
        ConfigError: sizes that do not divide, or weights that cannot be had.
        DataError: the weights are broken.
    """
    if weights is not None:
        kept = opened(located(weights, "model.weights"))
        kept.freeze(freeze)
        return Recipe(kept.image_side, lambda texts: kept)
    widths = list(stem_widths)
    _check(image_side, widths, {"image_blocks": image_blocks, "text_blocks": text_blocks}, width, context_length)

    def make(texts: Sequence[str]) -> CaptionModel:
        tokens = learn_words(texts, context_length)
        config = _config(tokens, image_side, widths, image_blocks, width, text_blocks)
        model = CaptionModel(ConvolutionalBlip(config), tokens, **_GREY)
        model.freeze(freeze)
        return model

    return Recipe(image_side, make)


def _check(image_side: int, widths: list[int], blocks: dict[str, int], width: int, context_length: int) -> None:
    if not 1 <= len(widths) <= 3 or min(widths) < 1:
        raise ConfigError(f"model.stem_widths={widths}: expected one to three positive numbers")
    if width < 1 or width % _HEAD:
        raise ConfigError(f"model.width={width} is not a positive multiple of {_HEAD}")
    if image_side < 1 or image_side % patch_of(widths):
        raise ConfigError(f"model.image_side={image_side} is not a positive multiple of {patch_of(widths)}")
    for key, number in blocks.items():
        if number < 1:
            raise ConfigError(f"model.{key}={number} must be at least 1")
    if context_length < 3:
        raise ConfigError(f"model.context_length={context_length} must be at least 3, for a word and two marks")


def _config(
    tokens: Tokens, image_side: int, widths: list[int], image_blocks: int, width: int, text_blocks: int
) -> BlipConfig:
    sizes = {"hidden_size": width, "intermediate_size": 4 * width, "num_attention_heads": width // _HEAD}
    marks = tokens.marks
    return BlipConfig(
        text_config=sizes
        | {
            "vocab_size": vocabulary_size(tokens),
            "encoder_hidden_size": width,
            "num_hidden_layers": text_blocks,
            "max_position_embeddings": tokens.context_length,
            "bos_token_id": marks.start,
            "eos_token_id": marks.end,
            "sep_token_id": marks.end,
            "pad_token_id": marks.padding,
        },
        vision_config=sizes
        | {
            "image_size": image_side,
            "patch_size": patch_of(widths),
            "num_hidden_layers": image_blocks,
            "initializer_range": 0.02,
            "stem_widths": widths,
        },
    )
