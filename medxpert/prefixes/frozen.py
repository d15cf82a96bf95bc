"""What the activations under a tower's trainable blocks follow from."""

from __future__ import annotations

import hashlib
from itertools import chain

import torch
from torch import nn

from medxpert.models.freezing import FreezableTower


def weights_digest(tower: FreezableTower) -> str:
    """Return the sha256 of everything that `below` reads: names, dtypes, shapes and bytes, buffers included."""
    digest = hashlib.sha256()
    below = nn.ModuleList([tower.embedding, *tower.blocks[: tower.num_below]])
    for name, tensor in chain(below.named_parameters(), below.named_buffers()):
        values = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {values.dtype} {tuple(values.shape)}".encode())
        digest.update(values.flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()
