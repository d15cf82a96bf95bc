"""Writes what a run needs to weigh evidence and to know what it cannot judge: `<run>/calibration/`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from medxpert.abstention import stored as stored_abstention
from medxpert.abstention.fitting import build_outsiders, fit
from medxpert.calibration.fit import calibrate
from medxpert.evidence import stored
from medxpert.folders import atomic_folder, seal, verified
from medxpert.run import Run

MOST_FILMS = 2000
"""Validation films that abstention is fitted on; more do not move two covariances."""


def write_calibration(
    run: Run,
    films: NDArray[np.uint8],
    encode: Callable[[NDArray[np.uint8]], NDArray[np.floating]],
    seed: int = 0,
) -> None:
    """Fit everything on training and validation and write it, sealed with the encoder's fingerprint.

    Args:
        run: with model, embeddings and prompts; it need not be complete.
        films: of validation studies, uint8 [V, S, S].
        encode: from pixels [B, S, S] to unit rows [B, D].
        seed: chooses studies where there are very many, and draws the outsiders that abstention is fitted with.

    Raises:
        DataError: a part of the run is damaged.
        ConfigError: the folder cannot be written.
    """
    manifest = verified(run.path / "prompts")
    fitted = calibrate(run, np.load(run.path / "prompts" / "prompts.npy"), seed)
    abstainer = fit(encode(films), films, build_outsiders(films, encode, seed=seed))
    with atomic_folder(run.calibration) as sibling:
        stored.write(sibling, fitted.calibration, fitted.facts)
        stored_abstention.write(sibling, abstainer)
        seal(sibling, {"encoder": manifest["encoder"], "policy": manifest["policy"]})
