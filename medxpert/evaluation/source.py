"""A run's split, ready to be measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medxpert.errors import ConfigError
from medxpert.evaluation.baselines import frequent_vectors, oracle_vectors, place_pixels
from medxpert.evaluation.subject import ADAPTED, FREQUENT, ORACLE, PIXEL, Placed, Subject, Vectors
from medxpert.folders import verified
from medxpert.run import Embeddings, Run
from medxpert.words import Stage

TRAIN = "train"


def open_split(run: Run, split: str, starting: Stage) -> Subject:
    """Open one split of a run, placed by its starting and its adapted weights.

    Args:
        run: with embeddings and prompts; it need not be complete.
        split: one that both the starting and the adapted weights embedded.
        starting: stage of the weights that training started from.

    Raises:
        ConfigError: the split was not embedded.
        DataError: the run is damaged.
    """
    adapted = run.embeddings(split)
    folder = run.path / "embeddings" / split
    if not _has_start(folder):
        raise ConfigError(f"split={split}: the starting weights did not embed it; choose split=val or split=test")
    stages: dict[str, Embeddings] = {starting: run.embeddings(split, starting=True), ADAPTED: adapted}
    placed = {name: _vectors(found) for name, found in stages.items()}
    train = _train(run, starting) if split != TRAIN else None
    return Subject(
        split=split,
        cases=adapted.cases,
        main=ADAPTED,
        starting=starting,
        vectors=placed,
        prompts=_prompts(run.path / "prompts", starting),
        train=train,
        truncated=_truncated(folder / "truncated.npy"),
    )


def with_baselines(subject: Subject) -> Subject:
    """Add the baselines that a split allows.

    The most frequent report where texts are reports; pixels where there are training studies and pictures of both,
    unless the pictures are all alike; the truth where a generator knows it.
    """
    cases, train = subject.cases, subject.train
    found, prompts = dict(subject.vectors), dict(subject.prompts)
    if cases.is_reports:
        found[FREQUENT] = frequent_vectors(cases, train and train.cases)
    if train is not None and cases.thumbnail(0) and train.cases.thumbnail(0):
        pixels = place_pixels(train.cases, cases)
        if pixels.split.image.shape[1]:
            found[PIXEL], prompts[PIXEL] = pixels.split, pixels.prompts
            train = train._replace(vectors={**train.vectors, PIXEL: pixels.train})
    oracle = oracle_vectors(cases)
    if oracle is not None:
        found[ORACLE] = oracle
    return replace(subject, vectors=found, prompts=prompts, train=train)


def _train(run: Run, starting: Stage) -> Placed | None:
    if TRAIN not in run.splits():
        return None
    adapted = run.embeddings(TRAIN)
    placed: dict[str, Vectors] = {ADAPTED: _vectors(adapted)}
    if _has_start(run.path / "embeddings" / TRAIN):
        placed[starting] = _vectors(run.embeddings(TRAIN, starting=True))
    return Placed(adapted.cases, placed)


def _has_start(folder: Path) -> bool:
    return (folder / "start_image.npy").is_file()


def _vectors(embeddings: Embeddings) -> Vectors:
    return Vectors(embeddings.image, embeddings.text)


def _prompts(folder: Path, starting: Stage) -> dict[str, NDArray[np.float16]]:
    verified(folder)
    return {
        stage: np.load(folder / name) for stage, name in ((starting, "start_prompts.npy"), (ADAPTED, "prompts.npy"))
    }


def _truncated(path: Path) -> NDArray[np.bool_] | None:
    return np.load(path) if path.is_file() else None
