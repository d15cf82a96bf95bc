"""An abstainer on disk: `abstention.json` for people, `abstention.npz` for what has a width."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from medxpert.abstention.abstainer import Abstainer, Bounds
from medxpert.abstention.distance import Cloud
from medxpert.errors import DataError
from medxpert.folders import read_json, write_json

NUMBERS, ARRAYS = "abstention.json", "abstention.npz"


def write(folder: Path, abstainer: Abstainer, facts: Mapping[str, Any] | None = None) -> None:
    """Write both files into a folder that exists; `facts` say what else people should know of the fit."""
    bounds = None if abstainer.bounds is None else asdict(abstainer.bounds)
    write_json(folder / NUMBERS, {**(facts or {}), "num_studies": abstainer.num_studies, "bounds": bounds})
    clouds = {"embedding": abstainer.embedding, "film": abstainer.film}
    arrays = {
        f"{name}_{part}": array.astype(np.float32)
        for name, cloud in clouds.items()
        if cloud is not None
        for part, array in (("mean", cloud.mean), ("whitening", cloud.whitening))
    }
    with (folder / ARRAYS).open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


def read(folder: Path, cure: str) -> Abstainer:
    """Read what `write` wrote.

    Raises:
        DataError: a file is missing or says something else; the message names `cure`.
    """
    told = read_json(folder / NUMBERS)
    try:
        studies = int(told["num_studies"])
        if told["bounds"] is None:
            return Abstainer(studies)
        with np.load(folder / ARRAYS, allow_pickle=False) as arrays:
            embedding, film = (
                Cloud(arrays[f"{name}_mean"], arrays[f"{name}_whitening"]) for name in ("embedding", "film")
            )
        return Abstainer(studies, embedding, film, Bounds(**told["bounds"]))
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise DataError(f"{folder} holds no fitted abstention ({error}); make it again: {cure}") from error
