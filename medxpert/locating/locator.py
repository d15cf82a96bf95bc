"""Where on a picture a score comes from: of an observation, or of the similarity with a text."""

from __future__ import annotations

import threading
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from medxpert.errors import ConfigError
from medxpert.evidence.calibrated import PROBE, ZERO_SHOT, Calibration
from medxpert.images.resize import Goal
from medxpert.locating import doubts
from medxpert.locating.heat import enlarged, merged, moved, moved_back, warmest
from medxpert.locating.occlusion import losses
from medxpert.locating.trace import Layers, Trace
from medxpert.locating.tracing import trace
from medxpert.locating.usual import usual_of_run
from medxpert.models.encoders.exported import ExportedEncoder
from medxpert.models.layers import Floats
from medxpert.ontology import OBSERVATIONS
from medxpert.run import Run
from medxpert.words import Encoder

BY_USUAL = "what each place adds to the score, compared with the usual film of the training"
BY_SIDES = "what each place adds to the score, compared with the same place on the other side"
BY_GREYING = "what the score loses when a place is greyed out"


class Located(NamedTuple):
    """Where a score comes from.

    Attributes:
        heat: float32 [S, S] in 0..1 over the square that the model sees; 0 where a place speaks against.
        peak: of `heat`, down and right in 0..1 of that square.
        method: one phrase that says what the map shows.
        share: how much of the heat lies in the warmest tenth of the square; 0.1 is evenly warm, 0 is no heat at all.
        note: one sentence why the map is to be doubted, or "".
    """

    heat: Floats
    peak: tuple[float, float]
    method: str
    share: float
    note: str


class Locator:
    """Finds the places that move one encoder's scores.

    Args:
        encoder: of the run. One that is not ours is asked by greying out one place after another.
        calibration: of the run.
        usual: what the tower holds of the run's films, see `usual.usual_of_run`; None compares the two sides.
    """

    def __init__(self, encoder: Encoder, calibration: Calibration, usual: Layers | None = None) -> None:
        self._encoder = encoder
        self._calibration = calibration
        self._usual = usual
        self._last: tuple[bytes, Trace] | None = None
        self._lock = threading.Lock()

    def of_observation(self, pixels: NDArray[np.uint8], observation: str) -> Located:
        """Find where the evidence for an observation comes from: its prompts and its linear probe, as calibrated.

        Args:
            pixels: what the model sees, grey [S, S].
            observation: one of the 14.

        Raises:
            ConfigError: there is no such observation.
        """
        direction = evidence_direction(self._calibration, observation)
        if not direction.any():
            nothing = f"The run's evidence does not speak of {observation.lower()}."
            return self._located(np.zeros(pixels.shape, np.float32), nothing)
        return self._located(self.score_map(pixels, direction), doubts.of_observation(self._named, observation))

    def of_text(self, pixels: NDArray[np.uint8], text: str) -> Located:
        """Find where the similarity of a picture [S, S] with one text comes from."""
        return self._located(self.score_map(pixels, self._encoder.encode_texts([text])[0]), doubts.OF_TEXTS)

    def score_map(self, pixels: NDArray[np.uint8], direction: Floats) -> Floats:
        """Map what each place of a picture adds to the product of its row and a direction [D].

        Returns:
            [S, S], negative where a place speaks against; scaled so that only ratios count.
        """
        encoder, side = self._encoder, len(pixels)
        if not isinstance(encoder, ExportedEncoder):
            return merged([enlarged(losses(encoder, pixels, direction), side, side)])
        step = encoder.architecture.patch // 4
        traced = self._traced(encoder, pixels, step)
        slopes = traced.slopes(direction / traced.lengths[:, None])
        usual = self._usual or tuple(layer[:, :, ::-1] for layer in traced.values)
        maps = []
        for values, reference, slope in zip(traced.values, usual, slopes, strict=True):
            grids = np.einsum("bhwk,bhwk->bhw", values - reference, slope)
            maps.append(moved_back(np.stack([enlarged(grid, side, side) for grid in grids]), step))
        return merged(maps)

    @property
    def _named(self) -> str:
        """The architecture whose maps were checked; "" where they were made otherwise."""
        known = isinstance(self._encoder, ExportedEncoder) and self._usual is not None
        return self._encoder.architecture.name if known else ""  # type: ignore[attr-defined]

    def _traced(self, encoder: ExportedEncoder, pixels: NDArray[np.uint8], step: int) -> Trace:
        """Trace a picture, once for all the scores that are asked about it in a row."""
        with self._lock:
            key = pixels.tobytes()
            if self._last is None or self._last[0] != key:
                self._last = key, trace(encoder, moved(pixels, step))
            return self._last[1]

    def _located(self, scores: Floats, note: str) -> Located:
        heat = np.maximum(scores, 0)
        heat /= max(float(heat.max()), np.finfo(np.float32).tiny)
        y, x = np.unravel_index(int(scores.argmax()), scores.shape)
        peak = (float(y) + 0.5) / len(scores), (float(x) + 0.5) / len(scores)
        return Located(heat, peak, self._method, warmest(heat), note)

    @property
    def _method(self) -> str:
        if not isinstance(self._encoder, ExportedEncoder):
            return BY_GREYING
        return BY_SIDES if self._usual is None else BY_USUAL


def open_locator(run: Run, encoder: Encoder, calibration: Calibration) -> Locator:
    """Return the locator of a run; passes some of its training films through the encoder first."""
    usual = usual_of_run(run, encoder) if isinstance(encoder, ExportedEncoder) else None
    return Locator(encoder, calibration, usual)


def evidence_direction(calibration: Calibration, observation: str) -> Floats:
    """Return the direction [D] whose product with a row is what the image's own evidence adds to the log-odds.

    Zero where neither the prompts nor the probe speak of the observation.

    Raises:
        ConfigError: there is no such observation.
    """
    if observation not in OBSERVATIONS:
        raise ConfigError(f"observation={observation}: expected one of {', '.join(OBSERVATIONS)}")
    number = OBSERVATIONS.index(observation)
    sources = {
        ZERO_SHOT: calibration.prompts[number],
        PROBE: calibration.probe[:-1, number] / calibration.scale,
    }
    total = np.zeros(len(calibration.mean))
    for name, direction in sources.items():
        if name in calibration.sources and name in calibration.weights:
            total += np.nan_to_num(
                calibration.weights[name][number] * calibration.sources[name].slope[number] * direction
            )
    return total.astype(np.float32)


def over(heat: Floats, height: int, width: int) -> Floats:
    """Return the part of the square [S, S] that a picture fills, enlarged to the picture's [height, width].

    The model sees the whole picture, black around it (`images.resize`).
    """
    side = len(heat)
    size = Goal(side).size((width, height))
    top, left = (side - size.height) // 2, (side - size.width) // 2
    part = enlarged(heat[top : top + size.height, left : left + size.width], height, width)
    return np.clip(part, 0, 1)
