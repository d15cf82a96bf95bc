"""A part outside the project: one Python file and one YAML, and nothing else is touched."""

import pytest

from medxpert.run import open_run

READER = '''
"""Squares of rising brightness."""

import numpy as np

from medxpert.words import SPLITS, Study


class Square:
    view = "PA"

    def __init__(self, level):
        self.level = level

    def fingerprint(self):
        return f"square {self.level}"

    def read(self):
        return np.full((32, 32), self.level, np.uint8)


def read(split, count: int = 8):
    first = SPLITS.index(split) * count
    for number in range(first, first + count):
        yield Study(f"s{number}", f"p{number}", (Square(number),), findings=f"Brightness {number}.", split=split)
'''
YAML = "_target_: squares.read\n_partial_: true\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "squares.py").write_text(READER)
    (tmp_path / "conf" / "data").mkdir(parents=True)
    (tmp_path / "conf" / "data" / "squares.yaml").write_text(YAML)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


SMALL = (
    "model.image_side=32",
    "model.image_widths=[8]",
    "model.text_width=32",
    "model.text_blocks=1",
    "model.vocab_size=600",
    "trainer.max_epochs=1",
    "trainer.precision=32",
)


def test_reader_trains_from_its_own_folder(folder, command):
    arguments = ("data=squares", "data.count=9", "--config-dir", str(folder / "conf"), *SMALL)
    outcome = command("train.py", *arguments)
    assert outcome.status == 0, outcome.err
    run = open_run("latest", folder / "outputs")
    assert run.provenance["studies"] == {"train": 9, "val": 9, "test": 9}
    assert run.policy == "private"


def test_its_arguments_are_checked_too(folder, command):
    outcome = command("train.py", "data=squares", "data.cuont=9", "--config-dir", str(folder / "conf"))
    assert outcome.status == 2
    assert "did you mean 'count'" in outcome.err
