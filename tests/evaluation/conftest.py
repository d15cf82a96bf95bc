import io
import json
from collections.abc import Callable
from itertools import count

import numpy as np
import PIL.Image
import pytest

from medxpert.cases import SCHEMA, Cases, encode_labels, write_cases
from medxpert.data.readers.phantom import read
from medxpert.evaluation.subject import Subject, Vectors
from medxpert.folders import atomic_folder, seal
from medxpert.ontology import OBSERVATIONS
from medxpert.run import Run, finish_run, write_embeddings
from medxpert.text import longest_section

STUDIES = {"train": 60, "test": 30}
WIDTH = 16


def unit(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def thumbnail(generator):
    picture = PIL.Image.fromarray(generator.integers(0, 255, (32, 32), dtype=np.uint8))
    encoded = io.BytesIO()
    picture.save(encoded, "JPEG")
    return encoded.getvalue()


def rows_of(split, generator, prompts, labelled, truths):
    for study, _ in zip(read(split, num_studies=400), range(STUDIES[split]), strict=False):
        section, text = longest_section(study.findings, study.impression)
        labels = dict.fromkeys(OBSERVATIONS, 0) | dict(study.labels) if prompts else study.labels
        yield {
            "study_id": study.study_id,
            "patient_id": study.patient_id,
            "text": " and ".join(name for name, value in labels.items() if value == 1) if prompts else text,
            "section": "prompt" if prompts else section,
            "view": study.images[0].view,
            "split": split,
            "source": "phantom",
            "policy": "credentialed",
            "path": "",
            "images": 1,
            "truth": json.dumps(study.truth) if truths else None,
            "image_hash": None,
            "labels": encode_labels(labels if labelled else {}),
            "thumbnail": thumbnail(generator),
        }


@pytest.fixture
def make_run(tmp_path) -> Callable[..., Run]:
    """Make a run whose adapted weights pair every image with its text, and whose starting weights know nothing."""

    def make(prompts=False, labelled=True, truths=True, splits=("train", "test")) -> Run:
        generator = np.random.default_rng(3)
        folder = tmp_path / "outputs" / "a-run"
        folder.mkdir(parents=True)
        names = generator.standard_normal((len(OBSERVATIONS), WIDTH))
        for split in splits:
            rows = list(rows_of(split, generator, prompts, labelled, truths))
            write_cases(tmp_path / "cases.parquet", rows)
            positive = np.array([row["labels"] for row in rows]) == 1
            paired = unit(positive @ names + 0.01) if prompts else unit(generator.standard_normal((len(rows), WIDTH)))
            lost = [unit(generator.standard_normal((len(rows), WIDTH))) for _ in range(2)]
            arrays = {"image": paired, "text": paired}
            arrays |= {"start_image": lost[0], "start_text": lost[1]}
            stamp = {"encoder": "after", "starting_encoder": "before"}
            halves = {name: array.astype(np.float16) for name, array in arrays.items()}
            halves["truncated"] = np.arange(len(rows)) < 5
            write_embeddings(folder / "embeddings" / split, halves, tmp_path / "cases.parquet", stamp)
        with atomic_folder(folder / "prompts") as sibling:
            pairs = np.stack([unit(names), -unit(names)], axis=1)
            np.save(sibling / "prompts.npy", pairs.astype(np.float16))
            np.save(sibling / "start_prompts.npy", np.roll(pairs, 5, axis=2).astype(np.float16))
            seal(sibling, {})
        return finish_run(
            folder, {"policy": "credentialed", "starting_stage": "untrained", "seed": 0, "model": "<tiny>"}
        )

    return make


@pytest.fixture
def make_subject(tmp_path) -> Callable[..., Subject]:
    """Make N studies of N // 2 patients from columns of the cases table, placed by "model" or by given vectors."""
    numbers = count()

    def make(num, vectors=None, labels=None, prompts=None, truncated=None, split="test", **columns) -> Subject:
        defaults = {
            "study_id": [f"s{row}" for row in range(num)],
            "patient_id": [f"p{row // 2}" for row in range(num)],
            "text": [f"report {row}" for row in range(num)],
            "section": ["findings"] * num,
            "view": ["PA"] * num,
            "labels": [encode_labels(one) for one in labels or [{}] * num],
        }
        fixed = dict.fromkeys(SCHEMA.names) | {"split": split, "source": "made", "policy": "open", "images": 1}
        table = defaults | columns
        rows = [fixed | dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]
        path = tmp_path / f"cases{next(numbers)}.parquet"
        write_cases(path, rows)
        if vectors is None:
            generator = np.random.default_rng(num)
            image = generator.standard_normal((num, 8))
            text = image + generator.standard_normal((num, 8))
            vectors = {"model": Vectors(*(unit(side).astype(np.float32) for side in (image, text)))}
        main = "adapted" if "adapted" in vectors else "model"
        starting = next((name for name in ("untrained", "pretrained") if name in vectors), None)
        return Subject(split, Cases(path), main, starting, vectors, prompts or {}, None, truncated)

    return make
