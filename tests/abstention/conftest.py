from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from medxpert.abstention.abstainer import Abstainer
from medxpert.abstention.fitting import build_outsiders, fit
from medxpert.phantom.look import DEFAULT, SHIFT, Look
from medxpert.phantom.patients import draw_patient
from medxpert.phantom.rendering import render

SIDE = 64
_MIX = np.random.default_rng(1).standard_normal((256, 24)).astype(np.float32)


class Chests(NamedTuple):
    val: NDArray[np.uint8]
    test: NDArray[np.uint8]
    elsewhere: NDArray[np.uint8]


def encode(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Stand in for a model: unit rows [N, 24] from random mixtures of 16 x 16 cells."""
    step = pixels.shape[1] // 16
    cells = pixels[:, : 16 * step, : 16 * step].reshape(len(pixels), 16, step, 16, step).mean(axis=(2, 4))
    rows = np.tanh((cells.reshape(len(pixels), 256) / 128 - 1) @ _MIX / 16)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def _films(patients: range, look: Look = DEFAULT) -> NDArray[np.uint8]:
    return np.stack([render(draw_patient(0, patient, look)[0].scene, SIDE) for patient in patients])


@pytest.fixture(scope="session")
def encoder() -> Callable[[NDArray[np.uint8]], NDArray[np.float32]]:
    return encode


@pytest.fixture(scope="session")
def chests() -> Chests:
    return Chests(_films(range(300)), _films(range(1000, 1200)), _films(range(60), SHIFT))


@pytest.fixture(scope="session")
def abstainer(chests: Chests) -> Abstainer:
    return fit(encode(chests.val), chests.val, build_outsiders(chests.val, encode))
