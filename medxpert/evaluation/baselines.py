"""What retrieval costs without learning features: a linear model on thumbnails, and what a generator's truth allows."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from medxpert.cases import Cases
from medxpert.evaluation.result import Vectors
from medxpert.evaluation.tfidf import TfIdf, unit_rows
from medxpert.phantom.oracle import image_vector, report_vector

_SIDE_PX = 64
_COMPONENTS = 64
_MAX_TRAIN = 8000
_RIDGE = 10.0
"""Penalty in studies, on components of unit variance."""


class _Components(NamedTuple):
    """Directions of largest variance of flattened pictures."""

    mean: NDArray[np.float32]
    axes: NDArray[np.float32]
    """[D, C], scaled so that projections of the fitted rows have unit variance."""

    def project(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray((rows - self.mean) @ self.axes, np.float32)


def pixel_vectors(train: Cases, cases: Cases) -> Vectors:
    """Place studies by a model without a network: 64 px thumbnails, PCA-64, ridge regression to the text's TF-IDF.

    Fitted on at most 8,000 training studies; both sides are centred on the mean training text, which otherwise
    draws every picture to the commonest report.
    """
    chosen = _sample(len(train))
    texts = [train.texts[row] for row in chosen]
    terms = TfIdf(texts)
    written = terms(texts)
    centre = written.mean(axis=0)
    pictures = _pictures(train, chosen)
    components = _principal(pictures)
    weights = _ridge(components.project(pictures), written - centre)
    seen = components.project(_pictures(cases, range(len(cases)))) @ weights
    return Vectors(unit_rows(seen), unit_rows(terms(cases.texts) - centre))


def oracle_vectors(cases: Cases) -> Vectors | None:
    """Place studies by what their generator knows; None unless it knows every one of them."""
    truths = [truth for truth in cases.truths if truth is not None]
    if len(truths) < len(cases):
        return None
    return Vectors(
        np.stack([image_vector(truth) for truth in truths]), np.stack([report_vector(truth) for truth in truths])
    )


def _sample(num_studies: int) -> NDArray[np.int64]:
    if num_studies <= _MAX_TRAIN:
        return np.arange(num_studies)
    return np.sort(np.random.default_rng(0).choice(num_studies, _MAX_TRAIN, replace=False))


def _pictures(cases: Cases, rows: Sequence[int] | NDArray[np.int64]) -> NDArray[np.float32]:
    """Return thumbnails as rows [N, 64 * 64], each of zero mean and unit variance so that exposure says nothing."""
    encoded = cases.column("thumbnail")
    pictures = np.stack([_shrunk(encoded[row]) for row in rows]).reshape(len(rows), -1).astype(np.float32)
    pictures -= pictures.mean(axis=1, keepdims=True)
    return pictures / np.maximum(pictures.std(axis=1, keepdims=True), 1)


def _shrunk(thumbnail: bytes) -> NDArray[np.uint8]:
    picture = Image.open(io.BytesIO(thumbnail))
    picture.draft("L", (_SIDE_PX, _SIDE_PX))
    return np.asarray(picture.convert("L").resize((_SIDE_PX, _SIDE_PX), Image.Resampling.BOX))


def _principal(rows: NDArray[np.float32]) -> _Components:
    """Find the main components of rows [N, D] by randomised subspace iteration (Halko et al., SIAM Review 2011)."""
    mean = rows.mean(axis=0)
    centred = rows - mean
    count = min(_COMPONENTS, *rows.shape)
    start = np.random.default_rng(0).standard_normal((rows.shape[1], count + 10), dtype=np.float32)
    basis = np.linalg.qr(centred @ start)[0]
    for _ in range(3):
        basis = np.linalg.qr(centred @ (centred.T @ basis))[0]
    _, spread, axes = np.linalg.svd(basis.T @ centred, full_matrices=False)
    kept = spread[:count] > 1e-4 * spread[0]
    return _Components(mean, (axes[:count][kept] * np.sqrt(len(rows)) / spread[:count][kept, None]).T)


def _ridge(rows: NDArray[np.float32], targets: NDArray[np.float32]) -> NDArray[np.float32]:
    """Solve for weights [C, V] from rows [N, C] to targets [N, V]."""
    return np.linalg.solve(rows.T @ rows + _RIDGE * np.eye(rows.shape[1], dtype=np.float32), rows.T @ targets)
