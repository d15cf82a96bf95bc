"""BLIP as a captioner: a run of ours, a folder of transformers, or an id of the hub. torch comes with an image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from medxpert.captioners.card import CARD, Card, read_card
from medxpert.captioners.config import image_side_of
from medxpert.captioners.hub import folder_of, is_id
from medxpert.errors import ConfigError
from medxpert.folders import verified
from medxpert.privacy import checked, strictest
from medxpert.run import open_caption_run
from medxpert.words import Policy

if TYPE_CHECKING:
    from medxpert.captioners.model import CaptionModel

_CURE = "python train.py model=blip_tiny"
_BATCH = 16


class BlipCaptioner:
    """Writes captions by BLIP (Li et al., ICML 2022).

    Zero-shot captions of radiographs are useless: fine-tune first. Attributes as `exchange.Captioner` has them.

    Args:
        run: of train.py with model=blip_tiny or blip_base, by folder or name; `model` stands before it.
        model: a folder of transformers or an id of the hub; None for the run's.
        num_beams: captions that the search follows at a time, at least 1.
        max_words: tokens of the longest caption, at least 1.
        policy: of what the model was trained on, where neither run nor folder says it; by default open for an id of the
            hub, which anybody can read, and private for a folder. A stricter one that is known stays.

    Raises:
        ConfigError: there is no such run or model, or an argument is out of range.
        DataError: it is damaged, or no BLIP.
    """

    name = "blip"

    def __init__(
        self,
        run: str = "latest_caption",
        model: str | None = None,
        num_beams: int = 3,
        max_words: int = 60,
        policy: str | None = None,
    ) -> None:
        for key, number in (("num_beams", num_beams), ("max_words", max_words)):
            if number < 1:
                raise ConfigError(f"captioner.{key}={number} must be at least 1")
        self._num_beams, self._max_words = num_beams, max_words
        if model is None:
            found = open_caption_run(run)
            self._folder, self.model_id = found.captioner, found.path.name
            verified(self._folder, _CURE)
        else:
            self._folder = folder_of(model, "captioner.model")
            self.model_id = model if is_id(model) else self._folder.resolve().name
        card = _card(self._folder)
        self.image_side: int = image_side_of(self._folder)
        self.policy: Policy = _policy(policy, card, model)
        self.trust: Mapping[int, float] = card.odds() if card else {}

    def __call__(self, pixels: NDArray[np.uint8]) -> Sequence[str]:
        """Write captions of grey images [B, S, S]; an empty one where nothing readable comes out."""
        import torch

        parts = torch.from_numpy(np.ascontiguousarray(pixels)).split(_BATCH)
        return [one for part in parts for one in self._model.captions(part, self._num_beams, self._max_words)]

    @cached_property
    def _model(self) -> CaptionModel:
        from medxpert.captioners.folder import opened

        return opened(self._folder)


def _card(folder: Path) -> Card | None:
    return read_card(folder / CARD) if (folder / CARD).is_file() else None


def _policy(given: str | None, card: Card | None, model: str | None) -> Policy:
    known = [card.policy] if card else []
    if given is not None:
        return strictest([checked(given, "captioner.policy"), *known])
    return strictest(known or (["open"] if model is not None and is_id(model) else ["private"]))
