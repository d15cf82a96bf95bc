"""What an evaluation looks at: one split, and where every contender places its studies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from medxpert.cases import Cases
from medxpert.tables.blocks import Block
from medxpert.words import Policy, Stage

ADAPTED: Stage = "adapted"
GIVEN = "model"
"""Contender behind embeddings that were made elsewhere."""
PIXEL, ORACLE, FREQUENT = "pixel", "oracle", "frequent"
BASELINES = (PIXEL, ORACLE, FREQUENT)


class Vectors(NamedTuple):
    """N studies in one space, by whatever placed them there."""

    image: NDArray[np.floating]
    """[N, D] unit rows."""
    text: NDArray[np.floating]
    """[N, D] unit rows."""


class Placed(NamedTuple):
    """N studies and where each contender places them."""

    cases: Cases
    vectors: Mapping[str, Vectors]
    """Contender -> its rows."""


@dataclass(frozen=True)
class Subject:
    """One split as every contender places it.

    Attributes:
        split: its name.
        cases: its N studies.
        main: the contender that the evaluation is about: "adapted" for a run, "model" for embeddings from elsewhere.
        starting: the weights that `main` was trained from, "untrained" or "pretrained"; None where nobody knows.
        vectors: contender -> its rows: `main`, `starting`, and baselines.
        prompts: contender -> rows [14, 2, D] of each observation's positive and negative prompt; `main` and
            `starting`, as far as they are known.
        train: the studies that `main` was trained on, placed by the same encoders, where they are at hand.
        truncated: [N] whether the text is longer than the encoder reads; None where nobody knows.
    """

    split: str
    cases: Cases
    main: str
    starting: str | None
    vectors: Mapping[str, Vectors]
    prompts: Mapping[str, NDArray[np.floating]]
    train: Placed | None = None
    truncated: NDArray[np.bool_] | None = None

    @property
    def stages(self) -> list[str]:
        """The encoders that were measured, the one compared with first."""
        return [name for name in (self.starting, self.main) if name is not None]


class Part(NamedTuple):
    """One part of an evaluation, measured."""

    place: tuple[str, ...]
    """Where its figures stand in metrics.json, such as ("pools", "test")."""
    figures: dict[str, Any]
    """JSON values."""
    blocks: tuple[Block, ...]
    """Its tables."""
    policy: Policy | None = None
    """Of studies that it was measured on beyond those of the split; None where there are none."""
