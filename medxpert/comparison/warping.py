"""Smooth maps between the places of two films, and pictures read through them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from medxpert.comparison.filtering import Floats

Matrix = NDArray[np.float64]
"""[2, K]: from the terms of a place on the current film (`_POWERS`) to the place (y, x) on the prior film; the centre
of a film is 0, its longest side 1. The first 3 terms make an affine map, 6 a quadratic one, 10 a cubic one."""
_POWERS = ((1, 0), (0, 1), (0, 0), (2, 0), (1, 1), (0, 2), (3, 0), (2, 1), (1, 2), (0, 3))
"""Of y and x in each term."""
UNMOVED: Matrix = np.eye(2, 3)


def sampled(image: Floats, matrix: Matrix, shape: tuple[int, ...]) -> Floats:
    """Return [H, W] of `shape` whose every pixel is read from another image where a matrix says; 0 outside it.

    Args:
        image: [h, w], or [h, w, C] for [H, W, C].
        matrix: from places on what is returned to places on the image.
        shape: H and W.
    """
    height, width = image.shape[:2]
    rows, columns = _places(matrix, shape, (height, width))
    inside = (rows >= 0) & (columns >= 0) & (rows <= height - 1) & (columns <= width - 1)
    rows, columns = rows[inside], columns[inside]
    top, left = rows.astype(np.intp), columns.astype(np.intp)
    spread = (slice(None), *(None for _ in image.shape[2:]))
    down, right = (rows - top).astype(np.float32)[spread], (columns - left).astype(np.float32)[spread]
    below, beside = np.minimum(top + 1, height - 1), np.minimum(left + 1, width - 1)
    upper = image[top, left] * (1 - right) + image[top, beside] * right
    lower = image[below, left] * (1 - right) + image[below, beside] * right
    read = np.zeros((*shape, *image.shape[2:]), np.float32)
    read[inside] = upper * (1 - down) + lower * down
    return read


def grid(shape: tuple[int, ...]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return y [H, 1] and x [1, W] of pixel centres: the picture's centre is 0, its longest side 1."""
    y, x = ((np.arange(length) + 0.5 - length / 2) / max(shape) for length in shape)
    return y[:, None], x[None, :]


def terms_of(y: NDArray[np.float64], x: NDArray[np.float64], count: int) -> list[NDArray[np.float64]]:
    """Return the first terms of places (y, x) of one shape, in the order of a matrix's columns."""
    return [y**down * x**across for down, across in _POWERS[:count]]


def _places(matrix: Matrix, shape: tuple[int, ...], other: tuple[int, ...]) -> list[NDArray[np.float64]]:
    """Return rows and columns [H, W] of another picture."""
    terms = terms_of(*grid(shape), matrix.shape[1])
    placed = [sum((factor * term for factor, term in zip(row, terms, strict=True)), np.zeros(shape)) for row in matrix]
    return [place * max(other) + length / 2 - 0.5 for place, length in zip(placed, other, strict=True)]


def bends(count: int) -> NDArray[np.float64]:
    """Return 1 for each of the first terms that bends a map, 0 for those of an affine one."""
    return np.array([sum(powers) > 1 for powers in _POWERS[:count]], float)
