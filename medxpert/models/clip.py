"""CLIP (Radford et al., ICML 2021) for grey radiographs: two towers, one space."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor, nn

from medxpert.errors import ConfigError
from medxpert.models.architecture import Architecture, Convolutional, Transformer, published_architecture
from medxpert.models.checkpoint import Checkpoint, read_checkpoint, read_exported, with_context
from medxpert.models.convolutional import ConvolutionalTower
from medxpert.models.embeddings import ImageEmbedding, TextEmbedding
from medxpert.models.folder import MERGES, WEIGHTS, write_card
from medxpert.models.freezing import FreezableTower
from medxpert.models.lora import NO_LORA, LoRA, adapted_layers, add_adapters, merged_state
from medxpert.models.state import State
from medxpert.models.tokenizer import Tokenizer, clip_tokenizer
from medxpert.models.transformer import Tower
from medxpert.words import Policy, Stage


@dataclass(frozen=True)
class Freeze:
    """How many blocks of each tower stay as they are, with the embeddings below them; 0 trains all."""

    image_blocks: int = 0
    text_blocks: int = 0


NOTHING_FROZEN = Freeze()


class CLIP(nn.Module):
    """Maps radiographs and token rows to unit vectors of one space.

    Args:
        architecture: sizes of both towers.
        tokenizer: what makes the token rows; the published one, cut to the vocabulary, if absent.

    Attributes:
        logit_scale: learnable logarithm of the factor on cosine similarities.
        stage: where the weights come from.
        policy: the strictest policy of the data that the weights have seen.
        cache_prefix: whether training computes what the frozen blocks make of its data only once, and keeps it.
    """

    def __init__(self, architecture: Architecture, tokenizer: Tokenizer | None = None) -> None:
        super().__init__()
        self.architecture = architecture
        self.tokenizer = tokenizer or clip_tokenizer(architecture.vocab_size, architecture.context_length)
        self.image_side = architecture.image_side
        self.embed_dim = architecture.embed_dim
        self.stage: Stage = "untrained"
        self.policy: Policy = "open"
        self.cache_prefix = False
        self.image = _image_tower(architecture)
        self.text = _tower(TextEmbedding(architecture), architecture.text, architecture, "text")
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    def encode_image(self, pixels: Tensor) -> Tensor:
        """Encode grey levels 0..255, uint8 or float [B, S, S], to unit float32 rows [B, D]."""
        return self.image(pixels)

    def encode_text(self, tokens: Tensor) -> Tensor:
        """Encode int64 [B, L], as `tokenizer` makes them, to unit float32 rows [B, D].

        The end-of-text mark has the highest number, and the tower is causal, so padding behind it changes nothing.
        """
        return self.text(tokens, tokens.argmax(dim=-1))

    def freeze(self, freeze: Freeze) -> None:
        """Freeze the embeddings and first blocks of each tower.

        Raises:
            ConfigError: a tower has fewer blocks.
        """
        self.image.freeze(freeze.image_blocks)
        self.text.freeze(freeze.text_blocks)

    def adapt(self, lora: LoRA) -> None:
        """Train adapters in the blocks that are not frozen, and the scale; everything else stays. Rank 0 does nothing.

        Raises:
            ConfigError: there is no block to adapt.
        """
        if not lora.rank:
            return
        for tower, wanted in ((self.image, lora.image), (self.text, lora.text)):
            tower.hold()
            if wanted and tower.num_frozen < len(tower.blocks):
                add_adapters(tower.blocks[tower.num_frozen :], lora)
        if not adapted_layers(self):
            raise ConfigError(
                f"model.lora.rank={lora.rank}: no block is left to adapt; lower model.freeze.image_blocks or "
                "model.freeze.text_blocks, or let model.lora.image or model.lora.text be true"
            )
        self.image.to(memory_format=torch.channels_last)
        self.train(self.training)

    def merged_state(self) -> State:
        """Copy the weights to the CPU, adapters folded into them, under the names of a model without adapters."""
        return {
            name: tensor.to("cpu", copy=True, memory_format=torch.contiguous_format)
            for name, tensor in merged_state(self).items()
        }

    def merge(self) -> None:
        """Fold the adapters into the weights for good; what was trainable besides them stays so."""
        state = self.merged_state()
        for name, layer in adapted_layers(self).items():
            self.set_submodule(name, layer.get_base_layer())
        self.load_state_dict(state)

    def export(self, folder: Path) -> str:
        """Write weights, architecture and merges, for `open_encoder`, `open_model` and `model.weights=`.

        Adapters are folded in: what is written is a model without them.

        Returns:
            The fingerprint of the weights file.

        Raises:
            ConfigError: the weights cannot be written.
        """
        folder.mkdir(parents=True, exist_ok=True)
        try:
            save_file(self.merged_state(), folder / WEIGHTS)
        except SafetensorError as error:
            raise ConfigError(
                f"cannot write {folder / WEIGHTS} ({error}); free the space or give another folder"
            ) from error
        self.tokenizer.save(folder / MERGES)
        return write_card(folder, self.architecture, self.stage, self.policy).fingerprint


def vit_clip(
    architecture: str,
    weights: str | None = None,
    freeze: Freeze = NOTHING_FROZEN,
    lora: LoRA = NO_LORA,
    context_length: int | None = None,
    cache_prefix: bool = False,
) -> CLIP:
    """Build a published CLIP.

    Args:
        architecture: open_clip's name, such as ViT-B-32-quickgelu.
        weights: an open_clip tag, a file, a folder or a run; None for random weights.
        freeze: what stays as it is.
        lora: adapters that are trained in place of the weights.
        context_length: tokens of the longest text, marks included; the positions of weights are stretched or cut to
            it. None for as many as the weights were trained with, 77 in the published ones.
        cache_prefix: compute what the frozen blocks make of the training data only once, and keep it on disk.

    Raises:
        ConfigError: the architecture, the weights, the length or the number of blocks cannot be had.
        DataError: the weights are broken or belong to another model.
    """
    return build(published_architecture(architecture), weights, freeze, lora, context_length, cache_prefix)


def build(
    architecture: Architecture,
    weights: str | None,
    freeze: Freeze,
    lora: LoRA = NO_LORA,
    context_length: int | None = None,
    cache_prefix: bool = False,
) -> CLIP:
    """Build a CLIP of any architecture; the arguments are those of `vit_clip`."""
    if cache_prefix and not (freeze.image_blocks or freeze.text_blocks):
        raise ConfigError(
            "model.cache_prefix=true: nothing is frozen, so nothing stays the same from epoch to epoch; set "
            "model.freeze.image_blocks or model.freeze.text_blocks"
        )
    if weights is None:
        own = architecture.context_length
        model = CLIP(replace(architecture, context_length=own if context_length is None else context_length))
    else:
        model = _loaded(with_context(read_checkpoint(weights, architecture), context_length))
    model.freeze(freeze)
    model.adapt(lora)
    model.cache_prefix = cache_prefix
    return model


def open_model(folder: Path) -> CLIP:
    """Open a model folder that `CLIP.export` wrote.

    Raises:
        DataError: it is incomplete, broken or changed.
    """
    return _loaded(read_exported(folder))


def _loaded(checkpoint: Checkpoint) -> CLIP:
    with torch.device("meta"):  # random weights would only be drawn to be replaced
        model = CLIP(checkpoint.architecture, checkpoint.tokenizer)
    model.load_state_dict(checkpoint.weights, assign=True)
    model.image.to(memory_format=torch.channels_last)
    model.stage = checkpoint.stage
    model.policy = checkpoint.policy
    return model


def _image_tower(architecture: Architecture) -> FreezableTower:
    size = architecture.image
    if isinstance(size, Convolutional):
        return ConvolutionalTower(architecture, size)
    return _tower(ImageEmbedding(architecture, size.width), size, architecture, "image")


def _tower(embedding: nn.Module, size: Transformer, architecture: Architecture, name: str) -> Tower:
    return Tower(
        embedding,
        size,
        architecture.embed_dim,
        architecture.activation,
        causal=name == "text",
        standardised=architecture.standardised,
        name=name,
    )
