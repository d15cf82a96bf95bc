"""experiments/freezing/study.py: what it trains, what it skips, and what its tables say."""

import importlib.util
from functools import partial
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


def test_cells_have_folders_of_their_own(study):
    cells = [study.Cell(*choice) for choice in study.product(study.SIZES, study.LEVELS, study.SEEDS)]
    assert len({cell.folder for cell in cells}) == len(cells) == len(study.SIZES) * len(study.LEVELS) * 3
    assert all(("pretrain=shapes" in cell.flags) == (cell.level.name != "random") for cell in cells)


def test_table_holds_means_spreads_ratios_and_paired_differences(study):
    patients = np.array(["a", "a", "b", "c"])
    hits = np.zeros((3, 4, 6))
    hits[0, :2], hits[1, :3], hits[2, :4] = 1, 1, 1
    reference = study.Row(hits, np.array([10.0, 10.0, 40.0]))
    better = study.Row(np.ones((3, 4, 6)), np.array([5.0, 5.0, 5.0]))
    last = study.LEVELS[-1]
    rows, parameters = {study.REFERENCE: reference, last: better}, {study.REFERENCE: 2000, last: 1000}
    text = "\n".join(study.table("Title", rows, parameters, patients))
    assert "**Title**; 4 abnormal test queries of 3 patients" in text
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| pretrained")]
    assert rows[0][1:4] == ["2,000", "1.00", "75.0 ± 25.0"]
    assert rows[1][1:4] == ["1,000", "0.50", "100.0 ± 0.0"]
    # patient a misses nothing, b a third, c two thirds
    assert rows[2][1] == "+25.0 (+0.0 to +66.7)"
    assert len(rows) == 3
    assert {len(row) for row in rows} == {7, 9}


def test_the_test_split_is_that_of_the_default_phantom(study, monkeypatch):
    monkeypatch.setattr(study, "read", partial(study.read, num_studies=60))
    store = study.test_store(64)
    assert store.cases.study_ids == [one.study_id for one in study.read("test")]
    assert store.pixels[0].shape == (64, 64)
