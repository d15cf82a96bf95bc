from pathlib import Path
from typing import NamedTuple

import numpy as np
import PIL.Image
import pytest

from medxpert import assistant
from medxpert.assistant import Assistant
from medxpert.cases import SCHEMA, encode_labels, write_cases
from medxpert.errors import ConfigError
from medxpert.folders import seal
from medxpert.indexes.flat import FlatIndex
from medxpert.indexes.gallery import Filter, write_index
from medxpert.reporters.template import TemplateReporter
from medxpert.run import Run, finish_run


class Rows(NamedTuple):
    image: np.ndarray
    text: np.ndarray


class Encoder:
    """Sees every picture and reads every text in the direction of the first case."""

    image_side, fingerprint = 8, "e"

    def encode_images(self, pixels):
        return np.eye(4, dtype=np.float32)[:1]

    encode_texts = encode_images


@pytest.fixture
def run(tmp_path, monkeypatch) -> Run:
    monkeypatch.setattr(assistant, "open_encoder", lambda folder: Encoder())
    folder = tmp_path / "embeddings" / "train"
    folder.mkdir(parents=True)
    blank = dict.fromkeys(SCHEMA.names, "") | {"truth": None, "thumbnail": b"", "images": 1}
    cases = [
        blank
        | {
            "study_id": f"s{number}",
            "patient_id": f"p{number // 2}",
            "path": str(tmp_path / f"{number}.png"),
            "labels": encode_labels({}),
        }
        for number in range(4)
    ]
    write_cases(folder / "cases.parquet", cases)
    for name in ("1.png", "new.png"):
        PIL.Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / name)
    fields = {"encoder": "e", "policy": "open", "split": "train"}
    seal(folder, fields)
    write_index(tmp_path / "index", FlatIndex, Rows(np.eye(4), np.eye(4)), fields)
    return finish_run(tmp_path, {"policy": "credentialed"})


@pytest.mark.parametrize(
    ("image", "where", "expected"),
    [
        ("new.png", {}, ["s0", "s1", "s2", "s3"]),
        ("1.png", {}, ["s2", "s3"]),
        ("1.png", {"exclude_patient": "p1"}, ["s0", "s1"]),
    ],
)
def test_evidence_never_comes_from_the_patient_of_an_indexed_image(run, monkeypatch, image, where, expected):
    monkeypatch.chdir(run.path)
    answer = Assistant(run, TemplateReporter()).ask_image(Path(image), 4, where=Filter(**where))
    assert sorted(hit.study_id for hit in answer.hits) == expected


@pytest.mark.parametrize(
    ("policy", "expected"),
    [("private", "private"), ("open", "credentialed"), ("credentialed", "credentialed")],
)
def test_answer_bears_the_strictest_policy(run, policy, expected):
    answer = Assistant(run, TemplateReporter(), policy).ask_image(run.path / "new.png", 1)
    assert answer.as_json()["provenance"]["policy"] == expected


def test_both_sides_are_compared_unless_one_is_named(run):
    ask = Assistant(run, TemplateReporter())
    assert [ask.ask_image(run.path / "new.png", 1).match, ask.ask_text("edema", 1).match] == ["both", "both"]
    assert ask.ask_image(run.path / "new.png", 1, "text").match == "text"


def test_unknown_policy(run):
    with pytest.raises(ConfigError, match=r"found 'secret'; change .*policy"):
        Assistant(run, TemplateReporter(), "secret")
