"""A calibration on disk: `calibration.json` for people, `calibration.npz` for what has a width."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from medxpert.errors import DataError
from medxpert.evidence.calibrated import Calibration, Floats, Platt, Readout
from medxpert.folders import read_json, write_json
from medxpert.ontology import OBSERVATIONS

NUMBERS, ARRAYS = "calibration.json", "calibration.npz"


def write(folder: Path, calibration: Calibration, facts: Mapping[str, Any]) -> None:
    """Write both files; `facts` say what it was fitted on."""
    write_json(
        folder / NUMBERS,
        {
            **facts,
            "sources": {name: _two(platt) for name, platt in calibration.sources.items()},
            "combined": {name: _named(weights) for name, weights in calibration.weights.items()}
            | {"bias": _named(calibration.bias)},
            "side_bound": _named(calibration.sides.bound),
            "severity_bound": _named(calibration.severities.bound),
        },
    )
    with (folder / ARRAYS).open("wb") as file:
        np.savez(
            file,
            mean=calibration.mean,
            scale=calibration.scale,
            probe=calibration.probe,
            prompts=calibration.prompts,
            sides=calibration.sides.weights,
            sides_bias=calibration.sides.bias,
            severities=calibration.severities.weights,
            severities_bias=calibration.severities.bias,
        )


def read(folder: Path, cure: str) -> Calibration:
    """Read what `write` wrote.

    Raises:
        DataError: a file is missing or says something else; the message names `cure`.
    """
    told = read_json(folder / NUMBERS)
    try:
        arrays = dict(np.load(folder / ARRAYS, allow_pickle=False))
        combined = {name: _array(values) for name, values in told["combined"].items()}
        return Calibration(
            mean=arrays["mean"],
            scale=arrays["scale"],
            probe=arrays["probe"],
            prompts=arrays["prompts"],
            sources={name: Platt(_array(one["slope"]), _array(one["bias"])) for name, one in told["sources"].items()},
            bias=combined.pop("bias"),
            weights=combined,
            sides=Readout(arrays["sides"], arrays["sides_bias"], _array(told["side_bound"])),
            severities=Readout(arrays["severities"], arrays["severities_bias"], _array(told["severity_bound"])),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{folder} holds no calibration ({error}); make it again: {cure}") from error


def _two(platt: Platt) -> dict[str, dict[str, float | None]]:
    return {"slope": _named(platt.slope), "bias": _named(platt.bias)}


def _named(values: Floats) -> dict[str, float | None]:
    """Name 14 values as JSON, which knows no NaN."""
    return {
        name: float(value) if np.isfinite(value) else None for name, value in zip(OBSERVATIONS, values, strict=True)
    }


def _array(values: Mapping[str, float | None]) -> Floats:
    return np.array([np.nan if values[name] is None else values[name] for name in OBSERVATIONS], np.float64)
