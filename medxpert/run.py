"""The run directory: the path that train, evaluate, infer and the app exchange."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medxpert.cases import Cases
from medxpert.config.jobs import is_swept
from medxpert.errors import ConfigError, DataError
from medxpert.folders import MANIFEST, atomic_folder, explained, read_json, seal, verified, write_json
from medxpert.words import Policy

OUTPUTS = Path("outputs")
LATEST = "latest"
LATEST_CAPTION = "latest_caption"
"""Beside `LATEST`, which names runs of encoders: the last finished run of a captioner."""
CAPTIONER = "captioner"
"""Kind of a run, in its provenance, whose model writes captions; its folder within the run."""
LAST = "checkpoints/last.ckpt"
"""Of a run: what an interrupted training goes on from."""
PROVENANCE = "provenance.json"
"""Written last: a run without it was interrupted."""


@dataclass(frozen=True)
class Embeddings:
    """One split as one encoder sees it.

    Attributes:
        image: float16 [N, D] unit rows, memory-mapped.
        text: float16 [N, D] unit rows, memory-mapped.
        cases: the N studies.
    """

    image: NDArray[np.float16]
    text: NDArray[np.float16]
    cases: Cases


@dataclass(frozen=True)
class Run:
    """A finished training run on disk.

    Attributes:
        path: its folder.
    """

    path: Path

    @property
    def model(self) -> Path:
        """Folder of the exported encoder."""
        return self.path / "model"

    @property
    def captioner(self) -> Path:
        """Folder of the exported captioner, of a run that has one."""
        return self.path / CAPTIONER

    @property
    def index(self) -> Path:
        """Folder of the searchable index."""
        return self.path / "index"

    @property
    def calibration(self) -> Path:
        """Folder of what makes probabilities of embeddings, and tells which images are none of ours."""
        return self.path / "calibration"

    @cached_property
    def provenance(self) -> dict[str, Any]:
        """Version, commit, packages, seed, data fingerprint, policy, stage of the starting weights."""
        provenance: dict[str, Any] = read_json(self.path / PROVENANCE)
        return provenance

    @property
    def policy(self) -> Policy:
        """The strictest policy of what went into the run."""
        policy: Policy = self.provenance["policy"]
        return policy

    def splits(self) -> list[str]:
        """Names of the embedded splits."""
        folders = (path.parent.name for path in (self.path / "embeddings").glob(f"*/{MANIFEST}"))
        # a killed process may leave a hidden folder behind
        return sorted(name for name in folders if not name.startswith("."))

    def embeddings(self, split: str, starting: bool = False) -> Embeddings:
        """Open one split's embeddings by the adapted weights, or by the weights training started from.

        Raises:
            ConfigError: the run holds no such split.
            DataError: the folder is damaged.
        """
        if split not in self.splits():
            raise ConfigError(f"split={split}: {self.path} holds {', '.join(self.splits()) or 'no embeddings'}")
        folder = self.path / "embeddings" / split
        verified(folder)
        prefix = "start_" if starting else ""
        image, text = (np.load(folder / f"{prefix}{kind}.npy", mmap_mode="r") for kind in ("image", "text"))
        cases = Cases(folder / "cases.parquet")
        if not len(image) == len(text) == len(cases):
            raise DataError(
                f"{folder}: {len(image)} images, {len(text)} texts, {len(cases)} cases; expected equal numbers"
            )
        return Embeddings(image, text, cases)


def write_embeddings(folder: Path, arrays: Mapping[str, NDArray], cases: Path, fields: Mapping[str, Any]) -> None:
    """Write one split: arrays by name, each of N rows, and a copy of the cases table.

    The names are image, text, start_image and start_text, float16 [N, D], and truncated, bool [N].
    """
    with atomic_folder(folder) as sibling:
        for name, array in arrays.items():
            np.save(sibling / f"{name}.npy", array)
        shutil.copyfile(cases, sibling / "cases.parquet")
        seal(sibling, fields)


def finish_run(path: Path, provenance: Mapping[str, Any]) -> Run:
    """Declare a run complete: write its provenance, then let outputs/latest (latest_caption) point to it.

    A sweep lets it point to its best job instead, when all are done.
    """
    write_json(path / PROVENANCE, provenance)
    if not is_swept():
        point_latest(path)
    return Run(path)


def point_latest(path: Path) -> None:
    """Let `latest` name the run, `latest_caption` one of a captioner: a symlink, or a text file where it is refused.

    It stands in outputs/ for every run below it, those of sweeps included, else beside the run.
    """
    outputs = OUTPUTS.resolve()
    folder = outputs if path.resolve().is_relative_to(outputs) else path.resolve().parent
    name = LATEST_CAPTION if _is_captioner(path) else LATEST
    latest = folder / name
    if latest.exists() and not latest.is_symlink() and not _names_a_run(latest):
        raise ConfigError(f"{latest} is not ours to replace; move it away or give another hydra.run.dir")
    target, sibling = path.resolve().relative_to(folder), folder / f".{name}.{os.getpid()}"
    with explained(latest):
        try:
            sibling.symlink_to(target)
        except OSError:
            sibling.write_text(str(target), encoding="utf-8")
        sibling.replace(latest)


def _names_a_run(latest: Path) -> bool:
    """Tell whether a file that stands in for the symlink says where a run is."""
    return latest.is_file() and latest.stat().st_size < 4096 and (latest.parent / latest.read_text().strip()).is_dir()


def open_run(name: str | Path, outputs: Path = OUTPUTS) -> Run:
    """Open a run by folder, by its name under outputs/, or as "latest".

    Raises:
        ConfigError: there is no such run, or its model writes captions and embeds nothing.
        DataError: the run was interrupted before it was complete.
    """
    run = _complete(_locate(str(name), outputs))
    if _is_captioner(run.path):
        raise ConfigError(
            f"run={name} is a run of a captioner, which embeds nothing; give one of an encoder (run=latest), and this "
            f"one as captioner=blip captioner.run={name}"
        )
    return run


def open_caption_run(name: str | Path, outputs: Path = OUTPUTS) -> Run:
    """Open a run of a captioner by folder, by its name under outputs/, or as "latest_caption".

    Raises:
        ConfigError: there is no such run, or it is one of an encoder.
        DataError: the run was interrupted before it was complete.
    """
    try:
        path = _locate(str(name), outputs)
    except ConfigError as error:
        raise ConfigError(
            f"captioner.run={name} does not exist; make one: python train.py model=blip_tiny, or give captioner.model="
        ) from error
    run = _complete(path)
    if not _is_captioner(path):
        raise ConfigError(
            f"captioner.run={name} is a run of an encoder, which writes no captions; "
            "make one that does: python train.py model=blip_tiny"
        )
    return run


def _is_captioner(path: Path) -> bool:
    """Tell whether a complete run's model writes captions."""
    return (path / PROVENANCE).is_file() and read_json(path / PROVENANCE).get("kind") == CAPTIONER


def _complete(path: Path) -> Run:
    if not (path / PROVENANCE).is_file():
        raise DataError(
            f"run {path} is not complete (no {PROVENANCE}: training was interrupted); "
            "run python train.py again or give another run="
        )
    return Run(path)


def _locate(name: str, outputs: Path) -> Path:
    if name in (LATEST, LATEST_CAPTION) and (outputs / name).is_file():
        name = (outputs / name).read_text(encoding="utf-8").strip()
    for path in (Path(name), outputs / name):
        if path.is_dir():
            return path.resolve()
    found = sorted(
        (p.name for p in outputs.glob("*/") if (p / PROVENANCE).is_file() and p.name not in (LATEST, LATEST_CAPTION)),
        reverse=True,
    )
    known = f"; {outputs} holds {', '.join(found[:3])}" if found else "; make one: python train.py"
    raise ConfigError(f"run={name} does not exist{known}")
