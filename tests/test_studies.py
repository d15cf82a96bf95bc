"""What studies under experiments/ train, what they skip, and how they count."""

import sys
from pathlib import Path

import numpy as np
import pytest

from medxpert import studies
from medxpert.studies import Column

ROOT = Path(__file__).parents[1]


@pytest.fixture
def commands(monkeypatch):
    called = []
    monkeypatch.setattr(studies.subprocess, "run", lambda command, **options: called.append(command))
    return called


def test_an_unfinished_arm_is_trained_from_nothing(tmp_path, commands):
    folder = tmp_path / "arm"
    (folder / "checkpoints").mkdir(parents=True)
    studies.train(folder, ["experiment=freezing", "seed=2"])
    assert not folder.exists()
    train = str(ROOT / "train.py")
    assert commands == [[sys.executable, train, "experiment=freezing", "seed=2", f"hydra.run.dir={folder}"]]


def test_a_finished_arm_is_not_trained_again(tmp_path, commands):
    (tmp_path / "provenance.json").write_text('{"training_seconds": 12.5}')
    studies.train(tmp_path, ["seed=2"])
    assert not commands
    assert studies.seconds(tmp_path) == 12.5


class Cases:
    texts = ("one", "two", "One", "four")
    abnormal = np.array([True, False, True, True])


def test_hits_are_those_of_the_chosen_queries():
    image, text = np.eye(4, dtype=np.float16), np.eye(4, dtype=np.float16)[[0, 1, 0, 2]]
    columns = [Column("image_to_text", "identity", 1), Column("image_to_text", "same_text", 1)]
    columns.append(Column("text_to_image", "identity", 1))
    # the text of image 0 ties with that of study 2, all four texts tie for image 3
    found = studies.hits(image, text, Cases(), columns, Cases.abnormal)
    np.testing.assert_allclose(found, [[0.5, 1, 1], [0, 0, 0], [0.25, 0.25, 0]])
    assert len(studies.hits(image, text, Cases(), columns, np.ones(4, bool))) == 4


def test_titles():
    assert Column("image_to_text", "identity", 5).title == "image → text R@5"
    assert Column("text_to_image", "same_text", 10).title == "text → image same_text R@10"
