"""How many operations an encoded image or text needs, by formula; a multiplication and an addition are two."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from medxpert.models.architecture import Architecture, Transformer
from medxpert.models.clip import CLIP
from medxpert.models.encoders.sharing import order, share
from medxpert.text import normalise


class Needed(NamedTuple):
    """What encoding some texts takes."""

    flops: float
    note: str


def image_flops(architecture: Architecture) -> float:
    """Count one image: grey patches, and the last block for one token but its keys and values."""
    size, tokens = architecture.image, architecture.num_image_tokens
    if not isinstance(size, Transformer):
        raise ValueError(f"expected a transformer, found {architecture.name}")
    width = size.width
    patches = 2.0 * (tokens - 1) * architecture.patch**2 * width
    block = 24.0 * tokens * width**2 + 4.0 * tokens**2 * width
    last = 4.0 * tokens * width**2 + 20.0 * width**2 + 4.0 * tokens * width
    return patches + (size.blocks - 1) * block + last + 2.0 * width * architecture.embed_dim


def text_flops(model: CLIP, texts: Sequence[str], batch: int) -> Needed:
    """Count texts, each once, and what they begin with once in a batch."""
    size, tokenizer = model.architecture.text, model.tokenizer
    rows = [tokenizer([text])[0] for text in {normalise(text): text for text in texts}.values()]
    ordered = [rows[place] for place in order(rows)]
    flops, nodes = 0.0, 0
    for at in range(0, len(ordered), batch):
        part = ordered[at : at + batch]
        tokens = np.zeros((len(part), max(map(len, part))), np.int64)
        for target, row in zip(tokens, part, strict=True):
            target[: len(row)] = row
        new = len(share(tokens).tokens)
        seen = sum(4.0 * len(row) ** 2 * size.width for row in part)
        flops += (size.blocks - 1) * (24.0 * new * size.width**2 + seen) + 4.0 * new * size.width**2
        flops += len(part) * 20.0 * size.width**2
        nodes += new
    read = sum(map(len, rows))
    note = f"{len(texts)} texts, {len(rows)} of them different, have {read} tokens, of which {nodes} are computed"
    return Needed(flops, note)
