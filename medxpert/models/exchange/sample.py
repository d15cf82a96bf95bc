"""What an export is tried on before anybody gets it: random films and texts, seen by us and by the other library."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from medxpert.errors import DataError
from medxpert.models.clip import CLIP

COUNT = 4
_END = "</w>"


class Sample(NamedTuple):
    """Inputs of both towers."""

    pixels: NDArray[np.uint8]
    """[4, S, S] grey, already of the side that the model reads."""
    texts: list[str]
    """4 of known words, the last one longer than the model's context."""


class Rows(NamedTuple):
    """Unit float32 rows [4, D] of a sample."""

    image: NDArray[np.float32]
    text: NDArray[np.float32]


class Differences(NamedTuple):
    """The largest absolute difference of any value."""

    image: float
    text: float


def draw_sample(model: CLIP, seed: int = 0) -> Sample:
    """Draw images of noise of several strengths and texts of the tokenizer's own words."""
    generator, side = np.random.default_rng(seed), model.image_side
    pixels = [generator.integers(0, 256 >> shift, (side, side)).astype(np.uint8) for shift in range(COUNT)]
    words = ["".join(merge.split()).removesuffix(_END) for merge in model.tokenizer.merges if merge.endswith(_END)]
    words = [word for word in words if word.isascii() and word.isalpha()] or ["a"]
    lengths = (1, 4, 12, model.tokenizer.context_length + 4)
    return Sample(np.stack(pixels), [" ".join(generator.choice(words, length)) for length in lengths])


def our_rows(model: CLIP, sample: Sample) -> Rows:
    """Encode a sample with the run's own model, in evaluation."""
    with torch.inference_mode():
        image = model.encode_image(torch.from_numpy(sample.pixels))
        text = model.encode_text(torch.from_numpy(model.tokenizer(sample.texts)))
    return Rows(image.numpy(), text.numpy())


def compared(ours: Rows, theirs: Rows, tolerance: float, library: str) -> Differences:
    """Return by how much the embeddings of another library differ from ours.

    Raises:
        DataError: by more than the tolerance, or they have another shape.
    """
    found = Differences(*(_difference(mine, other) for mine, other in zip(ours, theirs, strict=True)))
    if not all(difference <= tolerance for difference in found):  # so that NaN fails as well
        raise DataError(
            f"{library} computes other embeddings from the exported weights than MedXpert: expected differences of at "
            f"most {tolerance:g}, found {found.image:.2g} (images) and {found.text:.2g} (texts); nothing was kept; "
            f"try another version of {library} and report it"
        )
    return found


def _difference(mine: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    return float(np.abs(mine - other).max()) if mine.shape == other.shape else float("inf")
