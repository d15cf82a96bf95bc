"""A small prepared folder: studies with one to three images, some without a patient."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from medxpert.data.shards.encoding import encode
from medxpert.preparation.build import Storage
from medxpert.preparation.prepare import prepare
from medxpert.words import SPLITS, Study

VIEWS = (("PA",), ("LATERAL", "AP"), ("LATERAL", "", "PA"))


class Noise:
    """An image that no other equals."""

    def __init__(self, seed: int, view: str, size: tuple[int, int] = (48, 40)) -> None:
        self.seed, self.view, self.size = seed, view, size

    def fingerprint(self) -> str:
        return f"noise {self.seed}"

    def read(self) -> np.ndarray:
        coarse = np.random.default_rng(self.seed).integers(0, 255, (6, 5), dtype=np.uint8)
        return np.kron(coarse, np.ones((8, 8), np.uint8))[: self.size[0], : self.size[1]]


def studies(split: str, count: int) -> list[Study]:
    first = 10_000 * SPLITS.index(split)
    return [
        Study(
            study_id=f"{split}{number}",
            patient_id=f"{split}p{number // 2}" if number % 5 else "",
            images=tuple(Noise(first + 10 * number + place, view) for place, view in enumerate(VIEWS[number % 3])),
            findings=f"Findings number {number}." if number % 4 else "",
            impression="Short.",
            labels={"Edema": 1},
            split=split,
            source="noise" if number % 2 else "other",
            policy="open" if number else "credentialed",
            weight=2.0 if number == 1 and split == "train" else 1.0,
        )
        for number in range(count)
    ]


COUNTS = {"train": 150, "val": 7, "test": 9}


@pytest.fixture(scope="session")
def read() -> Callable[[str], list[Study]]:
    return lambda split: studies(split, COUNTS[split])


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory, read: Callable[[str], list[Study]]) -> Path:
    """Return a folder with two training shards."""
    folder = tmp_path_factory.mktemp("prepared") / "shards"
    size = np.mean([len(encode(image, 48, "png").data) for study in read("train") for image in study.images])
    images = sum(len(study.images) for study in read("train"))
    prepare(read, Storage(48, "png", 0.6 * size * images / 1e6), folder, {"side": 48})
    return folder
