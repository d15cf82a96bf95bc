"""Encoding with an exported model in numpy alone: memory-mapped weights, neither torch nor open_clip."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medxpert.errors import DataError
from medxpert.models.architecture import Activation, Architecture, Convolutional, Transformer
from medxpert.models.folder import MERGES, WEIGHTS, Card, read_card
from medxpert.models.layers import (
    Floats,
    Weights,
    activate,
    attend,
    batch_norm,
    convolve,
    layer_norm,
    linear,
    part,
    relu,
)
from medxpert.models.tokenizer import Tokenizer, read_merges
from medxpert.models.weights import check_weights

_BATCH = 16


class NumpyEncoder:
    """An exported CLIP; equals the torch model to 1e-5. Implements `words.Encoder`.

    Attributes:
        image_side: pixels per side that `encode_images` expects.
        embed_dim: width D of the rows.
        fingerprint: sha256 of the weights file.
    """

    def __init__(self, folder: Path, card: Card, weights: Weights) -> None:
        self._folder = folder
        self._architecture = card.architecture
        self._weights = weights
        self.image_side = card.architecture.image_side
        self.embed_dim = card.architecture.embed_dim
        self.fingerprint = card.fingerprint

    def encode_images(self, pixels: NDArray[np.uint8]) -> Floats:
        """Encode grey pixels [B, image_side, image_side] to unit rows [B, D].

        Raises:
            DataError: the images have another shape.
        """
        expected = (self.image_side, self.image_side)
        if pixels.ndim != 3 or pixels.shape[1:] != expected:
            raise DataError(f"expected grey images [B, {expected[0]}, {expected[1]}], found {list(pixels.shape)}")
        rows = [self._encode_images(pixels[at : at + _BATCH]) for at in range(0, len(pixels), _BATCH)]
        return np.concatenate([np.empty((0, self.embed_dim), np.float32), *rows])

    def encode_texts(self, texts: Sequence[str]) -> Floats:
        """Encode B texts to unit rows [B, D]; a text longer than the model's context is cut."""
        rows = [self._encode_texts(texts[at : at + _BATCH]) for at in range(0, len(texts), _BATCH)]
        return np.concatenate([np.empty((0, self.embed_dim), np.float32), *rows])

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        return Tokenizer(read_merges(self._folder / MERGES), self._architecture.context_length)

    def _encode_images(self, pixels: NDArray[np.uint8]) -> Floats:
        size = self._architecture.image
        x = scale_pixels(pixels, self._architecture)
        if isinstance(size, Convolutional):
            return self._finish("image", run_convolutions(x, self._weights, size))
        tokens = embed_patches(x, part(self._weights, "image.embedding"))
        return self._tower("image", size, tokens, np.zeros(len(tokens), np.int64))

    def _encode_texts(self, texts: Sequence[str]) -> Floats:
        tokens = self._tokenizer(texts)
        x = self._weights["text.embedding.tokens.weight"][tokens]
        x = x + self._weights["text.embedding.positions"][: tokens.shape[1]]
        return self._tower("text", self._architecture.text, x, tokens.argmax(axis=1))

    def _tower(self, name: str, size: Transformer, x: Floats, places: NDArray[np.int64]) -> Floats:
        hidden = np.triu(np.full((x.shape[1],) * 2, -np.inf, np.float32), 1) if name == "text" else None
        for number in range(size.blocks):
            block = part(self._weights, f"{name}.blocks.{number}")
            last = number == size.blocks - 1
            x = run_block(x, block, size.heads, self._architecture.activation, hidden, places if last else None)
        return self._finish(name, layer_norm(x[:, 0], part(self._weights, f"{name}.norm")))

    def _finish(self, name: str, rows: Floats) -> Floats:
        """Project [B, W] to the shared space."""
        rows = rows @ self._weights[f"{name}.projection"]
        if self._architecture.standardised:
            rows = batch_norm(rows, part(self._weights, f"{name}.standard"))
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def open_encoder(folder: Path) -> NumpyEncoder:
    """Open a model folder that `CLIP.export` wrote; weights are mapped into memory, read when used.

    Raises:
        DataError: the folder is incomplete, broken, changed, or holds other weights than its card says.
    """
    card = read_card(folder)
    path = folder / WEIGHTS
    weights = map_weights(path)
    check_weights({name: array.shape for name, array in weights.items()}, card.architecture, path)
    return NumpyEncoder(folder, card, weights)


def map_weights(path: Path) -> Weights:
    """Map the float32 arrays of a safetensors file (eight bytes of length, a JSON header, then the data).

    Raises:
        DataError: the file is not such a file.
    """
    try:
        data = np.asarray(np.memmap(path, np.uint8, "r"))
        start = 8 + int(data[:8].view("<u8")[0])
        header = json.loads(data[8:start].tobytes())
        return {
            name: data[start + entry["data_offsets"][0] : start + entry["data_offsets"][1]]
            .view({"F32": "<f4"}[entry["dtype"]])
            .reshape(entry["shape"])
            for name, entry in header.items()
            if name != "__metadata__"
        }
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise DataError(f"{path} is not a float32 safetensors file ({error}); rebuild: python train.py") from error


def scale_pixels(pixels: NDArray[np.uint8], architecture: Architecture) -> Floats:
    """Scale grey images [B, S, S] to [B, S, S, C], one channel per mean and deviation."""
    mean, std = (np.array(values, np.float32) for values in (architecture.mean, architecture.std))
    scaled: Floats = (pixels[..., None].astype(np.float32) / np.float32(255) - mean) / std
    return scaled


def embed_patches(x: Floats, embedding: Weights) -> Floats:
    """Turn scaled images [B, S, S, C] into the first tokens [B, L, W] of a transformer."""
    weight = embedding["patches.weight"]
    cells = convolve(x, weight, stride=weight.shape[-1])
    patches = cells.reshape(len(x), -1, cells.shape[-1])
    first = np.broadcast_to(embedding["class_token"], (len(x), 1, patches.shape[-1]))
    return layer_norm(np.concatenate([first, patches], axis=1) + embedding["positions"], part(embedding, "norm"))


def run_convolutions(x: Floats, weights: Weights, size: Convolutional) -> Floats:
    """Apply a convolutional tower's blocks to scaled images [B, S, S, C]; return all its cells, [B, W]."""
    for number, stride in enumerate(size.strides):
        block = part(weights, f"image.blocks.{number}")
        norms = [part(block, f"norm{place}") for place in (1, 2, 3)]
        x = relu(batch_norm(convolve(x, block["shrink.weight"], stride, padding=1), norms[0]))
        inner = relu(batch_norm(convolve(x, block["conv1.weight"], padding=1), norms[1]))
        x = relu(x + batch_norm(convolve(inner, block["conv2.weight"], padding=1), norms[2]))
    cells = convolve(x, weights["image.cells.weight"]) + weights["image.cells.bias"]
    return cells.transpose(0, 3, 1, 2).reshape(len(x), -1)


def run_block(
    x: Floats,
    block: Weights,
    heads: int,
    activation: Activation,
    hidden: Floats | None,
    places: NDArray[np.int64] | None,
) -> Floats:
    """Apply one transformer block to tokens [B, L, W].

    Args:
        x: tokens.
        block: the block's weights.
        heads: attention heads.
        activation: of the MLP.
        hidden: [L, L], -inf where a token (row) may not see another (column); None for all seen.
        places: [B], the one token per row to compute; None for all.

    Returns:
        [B, L, W], or [B, 1, W] with `places`.
    """
    normed = layer_norm(x, part(block, "norm1"))
    width = x.shape[-1]
    weight, bias = block["qkv.weight"], block["qkv.bias"]
    key, value = np.split(linear(normed, weight[width:], bias[width:]), 2, axis=-1)
    if places is not None:
        rows = np.arange(len(x)), places
        x, normed = x[rows][:, None], normed[rows][:, None]
        hidden = None if hidden is None else hidden[places][:, None, None]
    query = linear(normed, weight[:width], bias[:width])
    x = x + linear(attend(query, key, value, heads, hidden), block["out.weight"], block["out.bias"])
    inner = linear(layer_norm(x, part(block, "norm2")), block["fc1.weight"], block["fc1.bias"])
    return x + linear(activate(inner, activation), block["fc2.weight"], block["fc2.bias"])
