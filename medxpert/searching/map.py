"""Maps of the gallery in two dimensions: its principal axes, or how much its images look like two observations."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from medxpert.indexes.gallery import Gallery
from medxpert.ontology import MISSING, NEGATIVE, OBSERVATIONS, POSITIVE, UNCERTAIN
from medxpert.searching.describe import COLUMNS, describe

MOST_POINTS = 4_000
"""Drawn; of a larger gallery a sample, always the same."""
MOST_FITTED = 20_000
"""Rows that the principal axes are computed from."""
SEED = 0
SAID = {POSITIVE: "present", UNCERTAIN: "uncertain", NEGATIVE: "absent", MISSING: "not mentioned"}
"""What a label is called."""

Floats = NDArray[np.float32]


class Plane(NamedTuple):
    """Two directions of the embedding space, and where they are looked at from.

    Attributes:
        names: of the two axes.
        axes: [2, D].
        image: [D] what is taken from an image's row first; zeros to take nothing.
        text: [D] likewise of a text's row.
    """

    names: tuple[str, str]
    axes: Floats
    image: Floats
    text: Floats

    def at(self, rows: NDArray[np.floating], weight: float = 1.0) -> Floats:
        """Place rows [M, D], [M, 2].

        Args:
            rows: of images, of texts, or of something between the two.
            weight: share of the image in each: 1 for images, 0 for texts.
        """
        centre = weight * self.image + (1 - weight) * self.text
        return np.asarray((np.asarray(rows, np.float32) - centre) @ self.axes.T, np.float32)


class Atlas:
    """What maps of one gallery are made of.

    Args:
        gallery: the map's cases.
        prompts: [14, D], the positive less the negative prompt of each observation (`Calibration.prompts`).

    Raises:
        DataError: the embeddings are damaged.
    """

    def __init__(self, gallery: Gallery, prompts: NDArray[np.floating]) -> None:
        self._rows = gallery.vectors
        self._prompts = np.asarray(prompts, np.float32)
        self._described = describe(gallery.cases)

    @cached_property
    def principal(self) -> Plane:
        """The two directions in which the images differ most.

        Texts lie apart from images in such spaces (Liang et al., Mind the Gap, NeurIPS 2022), so that each kind is
        centred on its own mean: a text is placed by how it differs from other texts.
        """
        part = _sample(len(self._rows.image), MOST_FITTED)
        image, text = (np.asarray(rows[part], np.float32) for rows in (self._rows.image, self._rows.text))
        centred = image - image.mean(axis=0)
        values, vectors = np.linalg.eigh(centred.T @ centred)
        axes = vectors[:, ::-1][:, :2].T
        # eigenvectors have no sign: the largest part of each points up
        largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1, keepdims=True), axis=1)
        shares = values[::-1][:2] / max(float(values.sum()), np.finfo(np.float32).tiny)
        first, second = (f"principal axis {i} ({share:.0%} of the variance)" for i, share in enumerate(shares, start=1))
        return Plane((first, second), axes * np.sign(largest), image.mean(axis=0), text.mean(axis=0))

    def along(self, first: str, second: str) -> Plane:
        """The plane whose axes are how much nearer an image is to the prompt that affirms an observation.

        A place is the cosine similarity to the affirming less that to the denying prompt, the score that the evidence
        calls "zero-shot"; nothing is taken from it.

        Raises:
            ValueError: one of them is no observation.
        """
        zeros = np.zeros(self._prompts.shape[1], np.float32)
        rows = self._prompts[[OBSERVATIONS.index(first), OBSERVATIONS.index(second)]]
        return Plane((f"{first} score", f"{second} score"), rows, zeros, zeros)

    def sample(self, allowed: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Return the rows of at most `MOST_POINTS` cases of those allowed [N], ascending."""
        rows = np.flatnonzero(allowed)
        return rows[_sample(len(rows), MOST_POINTS)]

    def at(self, plane: Plane, rows: NDArray[np.integer]) -> Floats:
        """Place the images of some cases, [M, 2]."""
        return plane.at(self._rows.image[rows])

    def kinds(self, colour: str, rows: NDArray[np.integer]) -> list[str]:
        """Return what each of M cases is by an observation ("present" ...) or one of `COLUMNS` ("train" ...)."""
        if colour in COLUMNS:
            values: Sequence[str] = getattr(self._described, colour)
            return [values[row] or "not said" for row in rows.tolist()]
        labels = self._described.cases.labels[rows, OBSERVATIONS.index(colour)]
        return [SAID[value] for value in labels.tolist()]


def _sample(count: int, most: int) -> NDArray[np.int64]:
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(SEED).choice(count, most, replace=False))
