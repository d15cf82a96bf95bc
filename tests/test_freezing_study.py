"""experiments/freezing/study.py: what it trains, what it skips, and what its tables say."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def study(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    spec = importlib.util.spec_from_file_location("study", ROOT / "experiments" / "freezing" / "study.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def commands(study, monkeypatch):
    called = []
    monkeypatch.setattr(study.subprocess, "run", lambda command, **options: called.append(command))
    return called


def test_an_unfinished_cell_is_trained_from_nothing(study, commands):
    cell = study.Cell(study.SIZES[0], study.REFERENCE, 2)
    (cell.folder / "checkpoints").mkdir(parents=True)
    study.train(cell)
    assert not cell.folder.exists()
    (command,) = commands
    assert command[:2] == [sys.executable, str(ROOT / "train.py")]
    assert {"experiment=freezing", "pretrain=shapes", "seed=2", f"hydra.run.dir={cell.folder}"} <= set(command)


def test_a_finished_cell_is_not_trained_again(study, commands):
    cell = study.Cell(study.SIZES[0], study.REFERENCE, 0)
    cell.folder.mkdir(parents=True)
    (cell.folder / "provenance.json").touch()
    study.train(cell)
    assert not commands


def test_cells_have_folders_of_their_own(study):
    cells = [study.Cell(*choice) for choice in study.product(study.SIZES, study.LEVELS, study.SEEDS)]
    assert len({cell.folder for cell in cells}) == len(cells) == len(study.SIZES) * len(study.LEVELS) * 3
    assert all(("pretrain=shapes" in cell.flags) == (cell.level.name != "random") for cell in cells)


def test_table_holds_means_spreads_ratios_and_paired_differences(study):
    patients = np.array(["a", "a", "b", "c"])
    hits = np.zeros((3, 4, 6))
    hits[0, :2], hits[1, :3], hits[2, :4] = 1, 1, 1
    reference = study.Row(hits, np.array([10.0, 10.0, 40.0]), 2000)
    better = study.Row(np.ones((3, 4, 6)), np.array([5.0, 5.0, 5.0]), 1000)
    text = "\n".join(study.table("Title", {study.REFERENCE: reference, study.LEVELS[-1]: better}, patients))
    assert "**Title**; 4 abnormal test queries of 3 patients" in text
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| pretrained")]
    assert rows[0][1:4] == ["2,000", "1.00", "75.0 ± 25.0"]
    assert rows[1][1:4] == ["1,000", "0.50", "100.0 ± 0.0"]
    # patient a misses nothing, b a third, c two thirds
    assert rows[2][1] == "+25.0 (+0.0 to +66.7)"
    assert len(rows) == 3
    assert {len(row) for row in rows} == {7, 9}


def test_hits_are_the_abnormal_queries_own_pairs(study, monkeypatch):
    class Cases:
        texts = ("one", "two", "three", "four")
        patient_ids = ("p", "q", "q", "r")
        abnormal = np.array([True, False, True, True])

    class Store:
        cases = Cases()

    image, text = np.eye(4, dtype=np.float16), np.eye(4, dtype=np.float16)[[0, 1, 3, 2]]
    monkeypatch.setattr(study, "embed", lambda model, store: (image, text))
    monkeypatch.setattr(study, "COLUMNS", [("image_to_text", "recall@1"), ("text_to_image", "recall@1")])
    np.testing.assert_array_equal(study.hits(None, Store()), [[1, 1], [0, 0], [0, 0]])
    assert study.patients_of(Store()).tolist() == ["p", "q", "r"]
