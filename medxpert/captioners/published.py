"""The published BLIP, with its own tokenizer."""

from __future__ import annotations

from collections.abc import Sequence

from medxpert.captioners.config import image_side_of
from medxpert.captioners.folder import opened
from medxpert.captioners.hub import folder_of
from medxpert.captioners.model import NOTHING_FROZEN, CaptionModel, Freeze, Recipe


def blip(weights: str = "Salesforce/blip-image-captioning-base", freeze: Freeze = NOTHING_FROZEN) -> Recipe:
    """Describe a BLIP that starts from published weights.

    Args:
        weights: an id of the hub, a folder of transformers, or a run of a captioner.
        freeze: what stays as it is.

    Raises:
        ConfigError: the weights cannot be had, or there are fewer blocks than shall be frozen.
        DataError: they are broken or no BLIP's.
    """
    folder = folder_of(weights, "model.weights")

    def make(texts: Sequence[str]) -> CaptionModel:
        model = opened(folder)
        model.freeze(freeze)
        return model

    return Recipe(image_side_of(folder), make)
