"""What points at a finding: a run's own encoder, or random weights of the same architecture."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from medxpert.evidence import stored
from medxpert.locating.locator import Locator, evidence_direction
from medxpert.locating.usual import usual_of_run, usual_values
from medxpert.models.inference import open_encoder
from medxpert.ontology import OBSERVATIONS, POSITIVE
from medxpert.phantom.rendering import render
from medxpert.phantom.scene import Scene
from medxpert.run import Run

SIDE = 128
PROBE_FILMS = 1500


def film(truth: Mapping[str, Any]) -> NDArray[np.uint8]:
    """Render a film again from its truth, [S, S]."""
    return render(Scene.from_json(truth["image"]), SIDE)


class Pointer(NamedTuple):
    """Points at an observation on a film."""

    locator: Locator
    directions: Mapping[str, NDArray[np.float32]]

    def at(self, pixels: NDArray[np.uint8], observation: str) -> tuple[int, int]:
        """Return the warmest pixel (y, x)."""
        scores = self.locator.score_map(pixels, self.directions[observation])
        y, x = np.unravel_index(int(scores.argmax()), scores.shape)
        return int(y), int(x)


@cache
def trained(path: Path) -> Pointer:
    """Point with a run's encoder and evidence, as the locator does."""
    run = Run(path)
    encoder, calibration = open_encoder(run.model), stored.read(run.calibration, "python train.py")
    directions = {name: evidence_direction(calibration, name) for name in OBSERVATIONS}
    return Pointer(Locator(encoder, calibration, usual_of_run(run, encoder)), directions)


@cache
def untrained(path: Path) -> Pointer:
    """Point with random weights of the same architecture, and probes fitted on what they make of training films."""
    import torch

    from medxpert.models.clip import CLIP

    run = Run(path)
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        CLIP(open_encoder(run.model).architecture).export(Path(folder))
        encoder = open_encoder(Path(folder))
        cases = run.embeddings("train").cases
        films = np.stack([film(truth) for truth in cases.truths[:PROBE_FILMS]])
        rows = np.concatenate([encoder.encode_images(films[at : at + 16]) for at in range(0, len(films), 16)])
        locator = Locator(encoder, stored.read(run.calibration, ""), usual_values(encoder, films[:PROBE_FILMS:12]))
    return Pointer(locator, _probes(rows, cases.labels[: len(rows)] == POSITIVE))


def _probes(rows: NDArray[np.float32], positive: NDArray[np.bool_]) -> dict[str, NDArray[np.float32]]:
    scale = rows.std(axis=0) + 1e-9
    model = LogisticRegression(C=1.0, max_iter=2000)
    standard = (rows - rows.mean(axis=0)) / scale
    return {
        name: (model.fit(standard, positive[:, number]).coef_[0] / scale).astype(np.float32)
        for number, name in enumerate(OBSERVATIONS)
    }
