"""Small batches to compute losses of."""

import torch
import torch.nn.functional as F

from medxpert.losses.likeness import Likeness
from medxpert.ontology import MISSING, OBSERVATIONS


def rows(count: int, seed: int) -> torch.Tensor:
    return F.normalize(torch.randn(count, 6, generator=torch.Generator().manual_seed(seed)), dim=-1)


def labels(count: int, seed: int) -> torch.Tensor:
    """Every value at random, and a first study of which nothing is known."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randint(MISSING, 2, (count, len(OBSERVATIONS)), dtype=torch.int8, generator=generator)
    drawn[0] = MISSING
    return drawn


def likeness(*texts: int) -> Likeness:
    return Likeness(torch.tensor(texts), labels(len(texts), 2))
