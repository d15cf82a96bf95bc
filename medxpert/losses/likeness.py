"""What a loss may know about the studies of a batch: which say the same.

A loss is an `nn.Module` with `forward(image, text, scale, likeness)`, the scalar loss of unit rows [B, D] of this
process's studies. The same loss also contrasts two images, or two texts, of each study: it favours neither side. It
gathers all four and computes the loss of the global batch on every process, so that nothing depends on how many
processes share the studies.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from medxpert.distributed import gather_batch
from medxpert.ontology import NO_FINDING, OBSERVATIONS, POSITIVE

_NORMAL = OBSERVATIONS.index(NO_FINDING)


class Likeness(NamedTuple):
    """What B studies say.

    Attributes:
        texts: int64 [B], or [B, K] where K texts of each study count; equal normalised texts have the same number, on
            every process.
        labels: int8 [B, 14] in the order of `ontology.OBSERVATIONS`: 1 positive, 0 negative, -1 uncertain,
            `ontology.MISSING` (-2) not known.
    """

    texts: Tensor
    labels: Tensor


def gathered(local: Likeness) -> Likeness:
    """Stack every rank's studies, in rank order."""
    return Likeness(gather_batch(local.texts), gather_batch(local.labels))


def same_text(texts: Tensor) -> Tensor:
    """Tell which pairs of studies share a numbered text, of [B] or of [B, K]: bool [B, B], true on the diagonal."""
    own = texts.view(len(texts), -1)
    return (own[:, None, :, None] == own[None, :, None, :]).flatten(2).any(dim=-1)


def jaccard(labels: Tensor) -> Tensor:
    """Compare the positive sets of labels [B, 14] with one another: shared over either, float32 [B, B] in [0, 1].

    As `metrics.labels.jaccard`: two No Finding studies have 1 whatever devices they show, two empty sets 0, hence also
    studies of unknown labels.
    """
    positive = (labels == POSITIVE).float()
    shared = positive @ positive.T
    sizes = positive.sum(dim=1)
    either = sizes[:, None] + sizes - shared
    normal = labels[:, _NORMAL] == POSITIVE
    return (shared / either.clamp(min=1)).masked_fill(normal[:, None] & normal, 1.0)
