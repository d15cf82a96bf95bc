"""A gallery of five cases whose rows are angles on a circle."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import PIL.Image
import pytest

from medxpert.cases import SCHEMA, encode_labels, write_cases
from medxpert.folders import seal
from medxpert.indexes.flat import FlatIndex
from medxpert.indexes.gallery import Gallery
from medxpert.indexes.writing import write_index
from medxpert.run import Run, write_embeddings

CASES = (
    {"study_id": "a", "patient_id": "p1", "text": "Left effusion.", "labels": {"Pleural Effusion": 1}},
    {"study_id": "b", "patient_id": "p1", "text": "left  effusion.", "labels": {"Pleural Effusion": 1}, "view": "AP"},
    {"study_id": "c", "patient_id": "p2", "text": "No effusion.", "labels": {"Pleural Effusion": 0}, "source": "x"},
    {"study_id": "d", "patient_id": "p3", "text": "LEFT EFFUSION.", "labels": {"Pleural Effusion": -1}},
    {"study_id": "e", "patient_id": "p4", "text": "Enlarged heart.", "labels": {}, "policy": "credentialed"},
)
IMAGE, TEXT = (0.0, 0.1, 0.9, 0.3, 1.4), (0.2, 0.21, 1.5, 0.22, 0.8)


class Rows(NamedTuple):
    image: np.ndarray
    text: np.ndarray


def at(*angles: float) -> np.ndarray:
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


class Encoder:
    """Sees every picture at angle 0 and reads every text at angle 1."""

    image_side, fingerprint, policy = 8, "e", "open"

    def encode_images(self, pixels):
        return at(*[0.0] * len(pixels))

    def encode_texts(self, texts):
        return at(*[1.0] * len(texts))


def _row(blank, one, folder):
    return blank | one | {"labels": encode_labels(one["labels"]), "path": str(folder / f"{one['study_id']}.png")}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    blank = dict.fromkeys(SCHEMA.names, "") | {"truth": None, "thumbnail": b"", "policy": "open", "images": 1}
    blank |= {"view": "PA", "split": "train", "source": "phantom"}
    table = tmp_path / "cases.parquet"
    write_cases(table, [_row(blank, one, tmp_path) for one in CASES])
    rows, fields = Rows(at(*IMAGE), at(*TEXT)), {"encoder": "e", "policy": "credentialed", "split": "train"}
    folder = tmp_path / "embeddings" / "train"
    folder.parent.mkdir()
    halves = {name: array.astype(np.float16) for name, array in rows._asdict().items()}
    write_embeddings(folder, halves, table, {"policy": "credentialed", "encoder": "e"})
    write_index(tmp_path / "index", FlatIndex, rows, fields)
    seal(folder, {"policy": "credentialed", "encoder": "e"})
    return Run(tmp_path)


@pytest.fixture
def gallery(run) -> Gallery:
    return Gallery(run, "e")


@pytest.fixture
def encoder() -> Encoder:
    return Encoder()


@pytest.fixture
def picture(tmp_path) -> Path:
    path = tmp_path / "new.png"
    PIL.Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(path)
    return path
