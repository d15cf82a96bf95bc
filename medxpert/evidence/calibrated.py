"""What the evidence says of each observation: scores made calibrated probabilities.

Four sources may speak of an image. `zero-shot` is the positive less the negative prompt of an observation, `cases` the
share of the similar cases whose labels name it, `probe` a linear classifier on the embedding, `caption` the labels of
a caption. Each is made a probability by a slope and a bias per observation, and so is their weighted sum of log-odds
(Platt, 1999; stacking: Wolpert, 1992). `calibration/fit.py` fits the probe on training studies and all else on
validation; `rule.py` does the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from medxpert.reporting import Severity, Side

ZERO_SHOT, CASES, PROBE, CAPTION = "zero-shot", "cases", "probe", "caption"
SIDES: tuple[Side, ...] = ("left", "right", "bilateral")
SEVERITIES: tuple[Severity, ...] = ("mild", "moderate", "severe")

Floats = NDArray[np.float64]


class Platt(NamedTuple):
    """Log-odds from scores, per observation; NaN where it could not be fitted."""

    slope: Floats
    """[14]"""
    bias: Floats
    """[14]"""


class Readout(NamedTuple):
    """One of three classes per observation from an embedding, by multinomial logistic regression."""

    weights: Floats
    """[14, D, 3]"""
    bias: Floats
    """[14, 3]; -inf for a class that no training report named."""
    bound: Floats
    """[14], the least probability at which a class is stated; NaN where none ever is."""


@dataclass(frozen=True)
class Calibration:
    """All that turns an embedding and its similar cases into probabilities.

    Attributes:
        mean: [D] of the training images' rows.
        scale: [D], their deviation.
        probe: [D + 1, 14] weights of the linear probe, the bias last; NaN columns where it could not be fitted.
        prompts: [14, D], the positive less the negative prompt.
        sources: source -> its own log-odds.
        weights: source -> [14] weight of its log-odds in the sum.
        bias: [14] of the sum.
        sides: left, right or bilateral.
        severities: mild, moderate or severe.
    """

    mean: Floats
    scale: Floats
    probe: Floats
    prompts: Floats
    sources: Mapping[str, Platt]
    weights: Mapping[str, Floats]
    bias: Floats
    sides: Readout
    severities: Readout

    def standard(self, vectors: NDArray[np.floating]) -> Floats:
        """Scale embeddings [N, D] as the readouts expect them."""
        return (np.asarray(vectors, np.float64) - self.mean) / self.scale

    def raw(self, vectors: NDArray[np.floating]) -> dict[str, Floats]:
        """Return the uncalibrated scores of what only looks at the image, source -> [N, 14]."""
        probe = self.standard(vectors) @ self.probe[:-1] + self.probe[-1]
        return {ZERO_SHOT: np.asarray(vectors, np.float64) @ self.prompts.T, PROBE: probe}

    def log_odds(self, raw: Mapping[str, Floats]) -> dict[str, Floats]:
        """Calibrate scores, source -> [N, 14]; NaN where a source does not speak."""
        return {
            name: self.sources[name].slope * scores + self.sources[name].bias
            for name, scores in raw.items()
            if name in self.sources
        }

    def combined(self, log_odds: Mapping[str, Floats]) -> Floats:
        """Return the probabilities [N, 14] that all sources together give.

        Where every fitted source speaks, their log-odds are summed with the fitted weights, else those that do are
        averaged. A source that was not fitted (a caption) adds its own log-odds. NaN where no source speaks.
        """
        fitted = np.stack([log_odds[name] for name in self.weights if name in log_odds])
        known = np.isfinite(fitted)
        odds = np.nan_to_num(fitted).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        if len(fitted) == len(self.weights):
            weights = np.stack(list(self.weights.values()))
            weighed = self.bias + (weights[:, None] * np.nan_to_num(fitted)).sum(axis=0)
            odds = np.where(known.all(axis=0) & np.isfinite(weighed), weighed, odds)
        others = np.stack([np.zeros_like(odds), *(log_odds[name] for name in log_odds if name not in self.weights)])
        speaks = known.any(axis=0) | np.isfinite(others[1:]).any(axis=0)
        return np.where(speaks, sigmoid(odds + np.nan_to_num(others).sum(axis=0)), np.nan)


def sigmoid(log_odds: Floats) -> Floats:
    """Return probabilities."""
    return 1 / (1 + np.exp(-np.clip(log_odds, -60, 60)))


def likelihoods(readout: Readout, standard: Floats) -> Floats:
    """Return the probability of each class [N, 14, 3]; NaN where no training report named one."""
    logits = np.einsum("nd,odc->noc", standard, readout.weights) + readout.bias
    with np.errstate(invalid="ignore"):
        odds = np.exp(logits - logits.max(axis=2, keepdims=True))
        return np.asarray(odds / odds.sum(axis=2, keepdims=True))
