"""The layers of a CLIP as numpy functions on float32 arrays; images are [B, H, W, C]."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from medxpert.models.architecture import Activation

Floats = NDArray[np.float32]
Weights = Mapping[str, Floats]
EPSILON = np.float32(1e-5)
_ERF = np.array([1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592, 0.0], np.float32)
"""Coefficients of Abramowitz and Stegun 7.1.26, highest power first."""


def part(weights: Weights, name: str) -> dict[str, Floats]:
    """Return the weights below a name, by the rest of their names."""
    return {key[len(name) + 1 :]: array for key, array in weights.items() if key.startswith(f"{name}.")}


def linear(x: Floats, weight: Floats, bias: Floats) -> Floats:
    """Map [..., I] with weight [O, I] and bias [O] to [..., O]."""
    flat = x.reshape(-1, x.shape[-1]) @ weight.T
    flat += bias
    return flat.reshape(*x.shape[:-1], -1)


def layer_norm(x: Floats, weights: Weights) -> Floats:
    """Normalise the last axis to mean 0 and variance 1, then scale and shift."""
    centred = x - x.mean(axis=-1, keepdims=True)
    variance = np.einsum("...i,...i->...", centred, centred)[..., None] / np.float32(x.shape[-1])
    return centred / np.sqrt(variance + EPSILON) * weights["weight"] + weights["bias"]


def batch_norm(x: Floats, weights: Weights) -> Floats:
    """Standardise the last axis by its running mean and variance, then scale and shift where weights say so."""
    rows = (x - weights["mean"]) / np.sqrt(weights["variance"] + EPSILON)
    return rows * weights["weight"] + weights["bias"] if "weight" in weights else rows


def relu(x: Floats) -> Floats:
    """Return what is positive of x, else 0."""
    return np.maximum(x, 0)


def activate(x: Floats, activation: Activation) -> Floats:
    """Apply an MLP's activation."""
    return gelu(x) if activation == "gelu" else quick_gelu(x)


def quick_gelu(x: Floats) -> Floats:
    """Return x / (1 + exp(-1.702 x))."""
    below = np.multiply(x, np.float32(-1.702))
    np.exp(below, out=below)
    below += 1
    return np.divide(x, below, out=below)


def gelu(x: Floats) -> Floats:
    """Return x times the normal distribution function of x, good to 1e-6 (Abramowitz and Stegun 7.1.26)."""
    size = np.abs(x) * np.float32(0.5**0.5)
    step = 1 / (1 + np.float32(0.3275911) * size)
    tail = np.polyval(_ERF, step) * np.exp(-size * size)
    return np.float32(0.5) * x * (1 + np.copysign(1 - tail, x))


def attend(query: Floats, key: Floats, value: Floats, heads: int, hidden: Floats | None) -> Floats:
    """Attend from queries [B, Q, W] to keys and values [B, L, W].

    Args:
        query: what asks.
        key: what is compared.
        value: what is mixed.
        heads: the parts that W is split into.
        hidden: added to the scores [B, heads, Q, L], -inf where a query may not look; None for all seen.

    Returns:
        [B, Q, W].
    """
    split = [x.reshape(*x.shape[:2], heads, -1).swapaxes(1, 2) for x in (query, key, value)]
    scores = split[0] @ split[1].swapaxes(2, 3) * np.float32((query.shape[-1] // heads) ** -0.5)
    if hidden is not None:
        scores += hidden
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    return (weights @ split[2]).swapaxes(1, 2).reshape(query.shape)


def convolve(x: Floats, weight: Floats, stride: int = 1, padding: int = 0) -> Floats:
    """Convolve [B, H, W, C] with weight [O, C, k, k], zero-padded, to [B, H', W', O]."""
    kernel = weight.shape[-1]
    padded = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0))) if padding else x
    windows = sliding_window_view(padded, (kernel, kernel), axis=(1, 2))[:, ::stride, ::stride]
    flat = windows.reshape(*windows.shape[:3], -1) @ weight.reshape(len(weight), -1).T
    return np.asarray(flat, np.float32)
