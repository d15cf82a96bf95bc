"""A captioner that can be trained: the network, its tokenizer and how it wants to see grey pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor, nn
from transformers.models.blip.modeling_blip import BlipForConditionalGeneration

from medxpert.captioners.readable import readable
from medxpert.captioners.tokens import Tokens
from medxpert.errors import ConfigError
from medxpert.words import Policy, Stage

MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
"""Of each channel in what the published BLIP was trained on, grey levels scaled to 0..1."""
_IGNORED = -100
"""Label that the loss leaves out."""
_NARROW = 256


@dataclass(frozen=True)
class Freeze:
    """How many blocks of the image side stay as they are, with the embedding below them; 0 trains all."""

    image_blocks: int = 0


NOTHING_FROZEN = Freeze()


@contextmanager
def _few_threads(width: int) -> Iterator[None]:
    """Decode a narrow network with one thread: its steps are so short that threads on a busy machine only wait."""
    before = torch.get_num_threads()
    torch.set_num_threads(1 if width <= _NARROW else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class Told(NamedTuple):
    """What a batch of B studies comes to."""

    loss: Tensor
    """Mean cross-entropy of each next token."""
    image: Tensor
    """[B, T, D] what the text side sees of each image."""


class CaptionModel(nn.Module):
    """Maps radiographs to captions.

    Args:
        network: of transformers.
        tokenizer: of the network's vocabulary.
        mean: of each of the three channels.
        std: likewise.

    Attributes:
        stage: where the weights come from.
        policy: the strictest policy of the data that the weights have seen.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        network: BlipForConditionalGeneration,
        tokenizer: Tokens,
        mean: Sequence[float] = MEAN,
        std: Sequence[float] = STD,
    ) -> None:
        super().__init__()
        self.network = network
        self.tokenizer = tokenizer
        self.stage: Stage = "untrained"
        self.policy: Policy = "open"
        self._frozen: list[nn.Module] = []
        self.register_buffer("mean", torch.tensor(mean).reshape(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).reshape(1, 3, 1, 1), persistent=False)

    @property
    def image_side(self) -> int:
        """Pixels per side that the network sees."""
        vision: Any = self.network.config.vision_config
        return int(vision.image_size)

    def freeze(self, freeze: Freeze) -> None:
        """Freeze the embedding and the first blocks of the image side for good.

        Raises:
            ConfigError: there are fewer blocks.
        """
        vision = self.network.vision_model
        blocks = vision.encoder.layers
        if not 0 <= freeze.image_blocks <= len(blocks):
            raise ConfigError(
                f"model.freeze.image_blocks={freeze.image_blocks}: the image side has {len(blocks)} blocks; "
                f"choose 0 to {len(blocks)}"
            )
        self._frozen = [vision.embeddings, *blocks[: freeze.image_blocks]] if freeze.image_blocks else []
        for part in self._frozen:
            part.requires_grad_(False)
        self.train(self.training)

    def train(self, mode: bool = True) -> Self:
        """Set the training mode, except in what is frozen."""
        super().train(mode)
        for part in self._frozen:
            part.eval()
        return self

    def forward(self, pixels: Tensor, tokens: Tensor) -> Told:
        """Predict each next token, given the image and the true tokens before it.

        Args:
            pixels: uint8 [B, S, S] grey.
            tokens: int64 [B, L] as `tokenizer` makes them.
        """
        padded = tokens == self.tokenizer.marks.padding
        labels = tokens.masked_fill(padded, _IGNORED)
        found = self.network(self._shown(pixels), tokens, (~padded).long(), labels)
        return Told(found.loss, found.image_embeds)

    @torch.inference_mode()
    def captions(self, pixels: Tensor, num_beams: int, max_words: int) -> list[str]:
        """Write the likeliest captions that a beam search finds; "" where nothing readable comes out.

        Args:
            pixels: uint8 [B, S, S] grey.
            num_beams: captions that are followed at a time; 1 takes the likeliest next token.
            max_words: tokens of the longest caption.
        """
        marks = self.tokenizer.marks
        training = self.training
        self.eval()
        image = self.network.vision_model(self._shown(pixels)).last_hidden_state
        decoder: Any = self.network.text_decoder
        with _few_threads(image.shape[-1]):
            rows = decoder.generate(
                input_ids=torch.full((len(pixels), 1), marks.start, device=image.device),
                encoder_hidden_states=image,
                encoder_attention_mask=torch.ones(image.shape[:2], dtype=torch.long, device=image.device),
                bos_token_id=marks.start,
                eos_token_id=marks.end,
                pad_token_id=marks.padding,
                max_length=min(max_words + 2, self.tokenizer.context_length),
                num_beams=num_beams,
                do_sample=False,
                use_cache=True,
            )
        self.train(training)
        return [readable(self.tokenizer.text(row)) for row in rows.tolist()]

    def _shown(self, pixels: Tensor) -> Tensor:
        return (pixels[:, None].expand(-1, 3, -1, -1).float() / 255 - self.mean) / self.std


@dataclass(frozen=True)
class Recipe:
    """A captioner that is made when the texts are known that it will learn from.

    Attributes:
        image_side: pixels per side that it will see.
        make: takes the training texts.
    """

    image_side: int
    make: Callable[[Sequence[str]], CaptionModel]
