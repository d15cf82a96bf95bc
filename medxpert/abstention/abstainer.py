"""Tells pictures that a model can report on from those that it cannot: two distances and one bound."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from medxpert.abstention.distance import Cloud, Floats
from medxpert.abstention.thumbnail import CELLS, contrasts, thumbnails
from medxpert.errors import DataError

LEAST = 20
"""Validation studies without which nothing is refused."""
_CLEARLY = 0.6
"""How near a turned or inverted picture must come, relative to the picture as it is, to be named."""
_FURTHEST = 20.0
"""A picture without any contrast is this many times as far as is refused."""
_TURNS = ("", "clockwise by 90 degrees", "by 180 degrees", "counter-clockwise by 90 degrees")
"""What to do, by the number of clockwise quarter turns that set the picture upright."""
_REASONS: dict[str, str] = json.loads(files("medxpert.abstention").joinpath("reasons.json").read_text("utf-8"))


class Judgement(NamedTuple):
    """Whether a model should report on a picture.

    `score` and `threshold` are None where the abstainer is not fitted; then nothing is refused.
    """

    refused: bool
    reason: str
    """One sentence for a radiologist: why it was refused, or why it was not judged; "" where all is well."""
    score: float | None
    """How far from the validation studies; theirs are about 1."""
    threshold: float | None
    """The score above which pictures are refused."""
    doubtful: bool = False
    """Whether the picture is not refused, but further away than 98 % of the validation studies."""


@dataclass(frozen=True)
class Bounds:
    """Where refusing begins, and what is said.

    Attributes:
        refused: score above which a picture is refused.
        foreign: score from which outsiders of known kinds begin; never below `refused`.
        film: distance of a thumbnail up to which the film lies and looks as it should.
        contrast: deviation of grey levels below which a picture is blank.
        usual: score that 98 % of the validation studies do not exceed; at most `refused`.
    """

    refused: float
    foreign: float
    film: float
    contrast: float
    usual: float


@dataclass(frozen=True)
class Abstainer:
    """Refuses what is far from the validation studies, by the model's embedding and by the film from afar.

    The score is the root mean square of two Mahalanobis distances (Lee et al., "A simple unified framework for
    detecting out-of-distribution samples", NeurIPS 2018, with one class), each in units of its own median.
    The embedding alone is not enough: a model that learned to tell chests apart may put a page of text among them.

    Attributes:
        num_studies: validation studies it was fitted on.
        embedding: cloud of embeddings, D dimensions; None where it is not fitted.
        film: cloud of thumbnails, 64 dimensions; likewise.
        bounds: likewise.
    """

    num_studies: int
    embedding: Cloud | None = None
    film: Cloud | None = None
    bounds: Bounds | None = None

    @property
    def fitted(self) -> bool:
        """Whether it can refuse anything: false after fewer than 20 validation studies."""
        return self.bounds is not None

    def scores(self, pixels: NDArray[np.uint8], vectors: Floats) -> Floats:
        """Return how far pictures are from the validation studies, float64 [N]; 1 is the middle of those.

        Args:
            pixels: uint8 [N, S, S], S >= 8; S need not be that of fitting.
            vectors: their embeddings, unit rows [N, D].

        Raises:
            DataError: shapes do not fit, or it is not fitted.
        """
        embedding, film, bounds = self._parts()
        check_pictures(pixels, vectors, len(embedding.mean))
        scores = root_mean_square(embedding.distances(vectors), film.distances(thumbnails(pixels)))
        # the fainter a blank picture, the further it is, wherever grain may put it
        faint = bounds.contrast / np.maximum(contrasts(pixels), bounds.contrast / _FURTHEST)
        return np.where(faint > 1, np.maximum(scores, bounds.refused * faint), scores)

    def refuses(self, pixels: NDArray[np.uint8], vectors: Floats) -> NDArray[np.bool_]:
        """Tell which pictures [N, S, S] with embeddings [N, D] are refused, bool [N]; none where it is not fitted.

        Raises:
            DataError: shapes do not fit.
        """
        if self.bounds is None:
            return np.zeros(len(pixels), np.bool_)
        # a distance that is not a number is no reason to trust
        refused: NDArray[np.bool_] = ~(self.scores(pixels, vectors) <= self.bounds.refused)
        return refused

    def judge(self, pixels: NDArray[np.uint8], vector: Floats) -> Judgement:
        """Judge one picture [S, S] and its embedding [D].

        Raises:
            DataError: shapes do not fit.
        """
        if self.bounds is None:
            unfitted = _REASONS["unfitted"].format(studies=self.num_studies, least=LEAST)
            return Judgement(False, unfitted, None, None)
        score = float(self.scores(pixels[None], vector[None])[0])
        refused = bool(self.refuses(pixels[None], vector[None])[0])
        doubtful = not refused and score > self.bounds.usual
        reason = self._reason(pixels, score) if refused else _REASONS["edge"] if doubtful else ""
        return Judgement(refused, reason, score, self.bounds.refused, doubtful)

    def _reason(self, pixels: NDArray[np.uint8], score: float) -> str:
        _, film, bounds = self._parts()
        if contrasts(pixels[None])[0] < bounds.contrast:
            return _REASONS["blank"]
        variants = list(_variants(pixels))
        distances = film.distances(thumbnails(np.stack([variant.pixels for variant in variants])))
        best = int(distances.argmin())
        if distances[best] <= min(bounds.film, _CLEARLY * distances[0]):
            return _REASONS[variants[best].kind].format(turn=_TURNS[variants[best].quarters])
        return _REASONS["foreign" if score >= bounds.foreign else "far"]

    def _parts(self) -> tuple[Cloud, Cloud, Bounds]:
        if self.embedding is None or self.film is None or self.bounds is None:
            raise DataError(
                f"abstention was fitted on {self.num_studies} validation studies, expected at least {LEAST}; "
                "ask judge(), which then refuses nothing"
            )
        return self.embedding, self.film, self.bounds


def root_mean_square(embedding: Floats, film: Floats) -> Floats:
    """Combine two distances [N]."""
    combined: Floats = np.sqrt((embedding**2 + film**2) / 2)
    return combined


def check_pictures(pixels: NDArray[np.uint8], vectors: Floats, width: int | None = None) -> None:
    """Refuse arrays that are not N pictures with N embeddings.

    Raises:
        DataError: they are not uint8 [N, S, S], S >= 8, and [N, D], with D = width where it is given.
    """
    square = pixels.ndim == 3 and pixels.shape[1] == pixels.shape[2] >= CELLS and pixels.dtype == np.uint8
    if not (square and vectors.ndim == 2 and len(pixels) == len(vectors) and width in (None, vectors.shape[-1])):
        raise DataError(
            f"expected pictures uint8 [N, S, S] with S >= {CELLS} and embeddings [N, {width or 'D'}], found "
            f"{pixels.dtype} {list(pixels.shape)} and {list(vectors.shape)}; encode the same pictures"
        )


class _Variant(NamedTuple):
    kind: str
    quarters: int
    """Clockwise quarter turns away from the picture as it is."""
    pixels: NDArray[np.uint8]


def _variants(pixels: NDArray[np.uint8]) -> Iterator[_Variant]:
    """Turn and invert a picture [S, S] in all eight ways, first as it is."""
    for inverted, grey in ((False, pixels), (True, 255 - pixels)):
        for quarters in range(4):
            kind = "_".join(["rotated"] * (quarters > 0) + ["inverted"] * inverted)
            yield _Variant(kind, quarters, np.rot90(grey, -quarters))
