"""What similar cases and captions say; similar cases vote with their labels, the nearer the more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from medxpert.labeler import label_report
from medxpert.ontology import MISSING, NEGATIVE, OBSERVATIONS, POSITIVE, UNCERTAIN
from medxpert.words import Hit

NEIGHBOURS = 30
"""Similar cases that vote."""
_TEMPERATURE = 0.05
"""A case whose cosine similarity is lower by this much than the nearest one's has 1/e of its vote."""
_LEAST_SHARE = 1e-3
"""Shares are kept this far from 0 and 1, so that their log-odds are finite."""

MOST_TRUST = 1.0
"""Log-odds, 73 %: a caption is of the pixels that other sources have seen, so it never says more than that."""

Floats = NDArray[np.float64]


def vote(labels: NDArray[np.int8], scores: NDArray[np.floating]) -> Floats:
    """Return the log-odds of the share of votes for each observation, [N, 14]; NaN where no case says anything.

    A case has exp((s - s1) / 0.05) votes, s its cosine similarity and s1 the nearest case's.

    Args:
        labels: of the similar cases [N, K, 14]; 1 for, 0 against, anything else abstains.
        scores: [N, K], best first; -inf for missing cases.
    """
    votes = np.exp((np.asarray(scores, np.float64) - scores[:, :1]) / _TEMPERATURE)[..., None]
    positive = np.where(labels == POSITIVE, votes, 0).sum(axis=1)
    cast = np.where((labels == POSITIVE) | (labels == NEGATIVE), votes, 0).sum(axis=1)
    with np.errstate(invalid="ignore"):
        share = np.clip(positive / cast, _LEAST_SHARE, 1 - _LEAST_SHARE)
    return np.log(share / (1 - share))


def explicit(labels: NDArray[np.int8]) -> NDArray[np.int8]:
    """Read labels [N, 14] as 1 or 0: not mentioned is 0 where a study has any label, uncertain is MISSING."""
    labelled = (labels != MISSING).any(axis=1, keepdims=True)
    known = np.where((labels == MISSING) & labelled, NEGATIVE, labels)
    return np.where(known == UNCERTAIN, MISSING, known).astype(np.int8)


def vote_of(hits: Sequence[Hit]) -> Floats:
    """Return `vote` of one query's hits, [1, 14]."""
    if not hits:
        return np.full((1, len(OBSERVATIONS)), np.nan)
    labels = np.array([[hit.labels.get(name, MISSING) for name in OBSERVATIONS] for hit in hits], np.int8)
    return vote(explicit(labels)[None], np.array([[hit.score for hit in hits]]))


def caption_odds(caption: str, trust: Mapping[int, float]) -> Floats:
    """Return log-odds [1, 14] of what a caption says; NaN where it says nothing or nobody measured its trust.

    Args:
        caption: of one image.
        trust: label (1 affirmed, 0 denied) -> log-odds that it adds, as `Captioner.trust`; held within 27 and 73 %.
    """
    told = label_report(caption)
    known: dict[int | None, float] = {label: _held(odds) for label, odds in trust.items()}
    if known:
        known[UNCERTAIN] = 0.0
    return np.array([[known.get(told[name], np.nan) for name in OBSERVATIONS]], np.float64)


def _held(odds: float) -> float:
    return max(-MOST_TRUST, min(MOST_TRUST, odds))
