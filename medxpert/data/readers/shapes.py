"""Reader of plain shapes with captions: pictures of nothing medical, for pretraining."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medxpert.errors import ConfigError
from medxpert.shapes.captions import write_caption
from medxpert.shapes.rendering import SHAPES_VERSION, render
from medxpert.shapes.scene import Dice, Scene, draw_scene
from medxpert.words import SPLITS, Rejected, Study

MIN_STUDIES = 20
MIN_SIDE, MAX_SIDE = 32, 512
_HELD_OUT = {4: "val", 9: "test"}
"""Of every ten pictures."""


@dataclass(frozen=True)
class ShapesImage:
    """A picture that is rendered each time it is read."""

    scene: Scene
    side: int
    view: str = ""

    def fingerprint(self) -> str:
        """Identify the pixels by all parameters they depend on."""
        return f"shapes-{SHAPES_VERSION}-{self.side}-{hashlib.sha256(repr(self.scene).encode()).hexdigest()}"

    def read(self) -> NDArray[np.uint8]:
        """Render grey pixels [side, side]."""
        return render(self.scene, self.side)


def read(split: str, num_studies: int = 15000, seed: int = 0, side: int = 128) -> Iterator[Study | Rejected]:
    """Yield the pictures of one split, each the only one of its "patient".

    Args:
        split: "train", "val" or "test"; 80, 10 and 10 %.
        num_studies: pictures of all splits together, at least 20.
        seed: of all pictures; another seed gives others.
        side: pixels per side, 32 to 512.

    Raises:
        ConfigError: an argument is out of range.
    """
    _check(split, num_studies, seed, side)
    return (_study(seed, number, split, side) for number in range(num_studies) if split_of(number) == split)


def split_of(number: int) -> str:
    """Return the split a picture belongs to whatever their number: 80 % train, 10 % val, 10 % test."""
    return _HELD_OUT.get(number % 10, "train")


def _check(split: str, num_studies: int, seed: int, side: int) -> None:
    if split not in SPLITS:
        raise ConfigError(f"split is {split!r}; expected one of {', '.join(SPLITS)}")
    if num_studies < MIN_STUDIES:
        raise ConfigError(f"num_studies={num_studies}: the shapes need at least {MIN_STUDIES} pictures")
    if not MIN_SIDE <= side <= MAX_SIDE:
        raise ConfigError(f"side={side}: the shapes are rendered with {MIN_SIDE} to {MAX_SIDE} pixels per side")
    if seed < 0:
        raise ConfigError(f"seed={seed}: the shapes need a seed of at least 0")


def _study(seed: int, number: int, split: str, side: int) -> Study:
    dice = Dice(np.random.default_rng(np.random.SeedSequence((seed, number))))
    scene = draw_scene(dice)
    name = f"shapes{number:06d}"
    return Study(
        study_id=name,
        patient_id=name,
        images=(ShapesImage(scene, side),),
        findings=" ".join(statement.text for statement in write_caption(scene, dice)),
        split=split,
        source="shapes",
        policy="open",
    )
