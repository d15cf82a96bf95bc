"""What retrieval reaches without a network: by frequency, by a linear model on thumbnails, by a generator's truth."""

from __future__ import annotations

import io
import json
import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from medxpert.cases import Cases
from medxpert.data.zero_shot import prompts
from medxpert.evaluation.subject import Vectors
from medxpert.evaluation.tfidf import TfIdf, unit_rows
from medxpert.phantom.oracle import image_vector, report_vector
from medxpert.text import normalise

_SIDE_PX = 64
_COMPONENTS = 64
_MAX_TRAIN = 8000
_STUDIES_AT_A_TIME = 1024
_RIDGE = 10.0
"""Penalty in studies, on components of unit variance."""


class _Components(NamedTuple):
    """Directions of largest variance of flattened pictures."""

    mean: NDArray[np.float32]
    axes: NDArray[np.float32]
    """[D, C], scaled so that projections of the fitted rows have unit variance."""

    def of(self, cases: Cases) -> NDArray[np.float32]:
        """Project N pictures, a few at a time, to [N, C]."""
        rows = range(len(cases))
        parts = [(_pictures(cases, rows[part]) - self.mean) @ self.axes for part in _parts(len(cases))]
        return np.concatenate(parts)


class PixelVectors(NamedTuple):
    """The studies of a split, and those that the baseline was fitted on, in one space of at most 64 directions."""

    split: Vectors
    train: Vectors
    prompts: NDArray[np.float32]
    """[14, 2, R], the mean directions of each observation's prompts."""


class _Placing(NamedTuple):
    """A linear model from thumbnails to the terms of texts."""

    components: _Components
    weights: NDArray[np.float32]
    """[C, R], from components to the directions that they can predict."""
    terms: TfIdf
    centre: NDArray[np.float32]
    """[V], the mean training text."""
    directions: NDArray[np.float32]
    """[R, V], orthonormal."""

    def place(self, cases: Cases) -> Vectors:
        read = [self.read(cases.texts[part]) for part in _parts(len(cases))]
        return Vectors(unit_rows(self.components.of(cases) @ self.weights), np.concatenate(read))

    def read(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.asarray(unit_rows(self.terms(texts) - self.centre) @ self.directions.T, np.float32)


def place_pixels(train: Cases, cases: Cases) -> PixelVectors:
    """Place studies by a model without a network: 64 px thumbnails, PCA-64, ridge regression to the text's TF-IDF.

    Fitted on at most 8,000 training studies; both sides are centred on the mean training text, which otherwise
    draws every picture to the commonest report. Image rows have length 1. Text rows are unit rows over the terms,
    projected to where the images lie and so shorter: every inner product of an image and a text stays the same.
    """
    chosen = _sample(len(train))
    texts = [train.texts[row] for row in chosen]
    terms = TfIdf(texts)
    written = terms(texts)
    centre = written.mean(axis=0)
    written -= centre
    pictures = _pictures(train, chosen)
    components = _principal(pictures)
    weights = _ridge(pictures @ components.axes, written)
    left, spread, directions = np.linalg.svd(weights, full_matrices=False)
    placing = _Placing(components, left * spread, terms, centre, directions)
    asked = [[placing.read(sentences).mean(axis=0) for sentences in pair] for pair in prompts()]
    return PixelVectors(placing.place(cases), placing.place(train), np.array(asked))


def thumbnail_components(cases: Cases) -> NDArray[np.float32]:
    """Return the PCA-64 of N studies' thumbnails, [N, C] of unit variance; fitted on at most 8,000 of them."""
    return thumbnail_projection(cases)(cases)


def thumbnail_projection(fitted: Cases) -> Callable[[Cases], NDArray[np.float32]]:
    """Return the projection of studies on the PCA-64 of at most 8,000 of the fitted ones' thumbnails, N to [N, C]."""
    return _principal(_pictures(fitted, _sample(len(fitted)))).of


def frequent_vectors(cases: Cases, train: Cases | None = None) -> Vectors:
    """Score every text by how many training studies have it, of these studies without `train`; [N, 1].

    The images are all 1, so that the most frequent report is the best answer whatever is asked.
    """
    count = Counter(normalise(text) for text in (train or cases).texts)
    frequency = np.array([[count[normalise(text)]] for text in cases.texts], np.float32)
    return Vectors(np.ones_like(frequency), frequency)


def oracle_vectors(cases: Cases) -> Vectors | None:
    """Place studies by what their generator knows; None unless it knows every one of them."""
    encoded = cases.column("truth")
    if not all(encoded):
        return None
    # One at a time: decoded truths take a hundred times the room of their rows.
    rows = [(image_vector(truth), report_vector(truth)) for truth in map(json.loads, encoded)]
    return Vectors(*(np.stack(side) for side in zip(*rows, strict=True)))


def _sample(num_studies: int) -> list[int]:
    if num_studies <= _MAX_TRAIN:
        return list(range(num_studies))
    chosen: list[int] = np.sort(np.random.default_rng(0).choice(num_studies, _MAX_TRAIN, replace=False)).tolist()
    return chosen


def _parts(num_studies: int) -> list[slice]:
    return [slice(start, start + _STUDIES_AT_A_TIME) for start in range(0, num_studies, _STUDIES_AT_A_TIME)]


def _pictures(cases: Cases, rows: range | list[int]) -> NDArray[np.float32]:
    """Return thumbnails as rows [N, 64 * 64], each of zero mean and unit variance so that exposure says nothing."""
    pictures = np.empty((len(rows), _SIDE_PX * _SIDE_PX), np.float32)
    for picture, thumbnail in zip(pictures, cases.thumbnails(rows), strict=True):
        picture[:] = _shrunk(thumbnail).ravel()
        picture -= picture.mean()
        picture /= max(picture.std(), 1)
    return pictures


def _shrunk(thumbnail: bytes) -> NDArray[np.uint8]:
    picture = Image.open(io.BytesIO(thumbnail))
    picture.draft("L", (_SIDE_PX, _SIDE_PX))
    return np.asarray(picture.convert("L").resize((_SIDE_PX, _SIDE_PX), Image.Resampling.BOX))


def _principal(rows: NDArray[np.float32]) -> _Components:
    """Find the main components of rows [N, D] by randomised subspace iteration (Halko et al., SIAM Review 2011).

    The rows are centred in place: a copy would be the largest thing in memory.
    """
    mean = rows.mean(axis=0)
    rows -= mean
    count = min(_COMPONENTS, *rows.shape)
    start = np.random.default_rng(0).standard_normal((rows.shape[1], count + 10), dtype=np.float32)
    basis = np.linalg.qr(rows @ start)[0]
    for _ in range(3):
        basis = np.linalg.qr(rows @ (rows.T @ basis))[0]
    _, spread, axes = np.linalg.svd(basis.T @ rows, full_matrices=False)
    kept = spread[:count] > 1e-4 * spread[0]
    return _Components(mean, (axes[:count][kept] * math.sqrt(len(rows)) / spread[:count][kept, None]).T)


def _ridge(rows: NDArray[np.float32], targets: NDArray[np.float32]) -> NDArray[np.float32]:
    """Solve for weights [C, V] from rows [N, C] to targets [N, V]."""
    return np.linalg.solve(rows.T @ rows + _RIDGE * np.eye(rows.shape[1], dtype=np.float32), rows.T @ targets)
