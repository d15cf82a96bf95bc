"""What the runs on disk came to."""

import json
from pathlib import Path

import pytest

from medxpert.app.finished import finished_runs, side_by_side
from medxpert.errors import DataError
from medxpert.tables.blocks import Block, Row, Shown


def _run(outputs: Path, name: str, metrics: dict | None = None, **provenance: object) -> Path:
    folder = outputs / name
    folder.mkdir(parents=True)
    told = {"policy": "open", "starting_stage": "untrained", "model": "clip_tiny", **provenance}
    (folder / "provenance.json").write_text(json.dumps(told))
    if metrics is not None:
        (folder / "metrics.json").write_text(json.dumps(metrics))
    return folder


def _recall(value: float) -> dict:
    return {"image_to_text": {"identity": {"recall@10": {"value": value}}}}


def test_finished_runs_are_listed_the_newest_first(tmp_path):
    _run(tmp_path, "a", {"adapted": {"val": _recall(0.5)}, "untrained": {"val": _recall(0.1)}}, training_seconds=90)
    _run(tmp_path, "b", kind="captioner")
    (tmp_path / "interrupted").mkdir()
    (tmp_path / "latest").symlink_to("a")

    found, faults = finished_runs(tmp_path)

    assert [one.name for one in found] == ["b", "a"]
    assert [one.captions for one in found] == [True, False]
    line = found[1].line()
    assert (line["R@10 before"], line["R@10 val"], line["R@10 test"], line["minutes"]) == (0.1, 0.5, None, 1.5)
    assert not faults


def test_a_broken_run_is_told_and_the_others_are_listed(tmp_path):
    _run(tmp_path, "a")
    (_run(tmp_path, "b") / "provenance.json").write_text("{")

    found, faults = finished_runs(tmp_path)

    assert [one.name for one in found] == ["a"]
    assert len(faults) == 1
    assert "b/provenance.json" in faults[0]


def test_tables_are_read_as_they_were_written(tmp_path):
    folder = _run(tmp_path, "a")
    (folder / "tables").mkdir()
    table = {
        "title": "t",
        "note": "n",
        "columns": ["R@1"],
        "rows": [{"name": "x", "kind": "main", "cells": [{"value": "1.0", "interval": "0-2"}]}],
    }
    (folder / "tables" / "test.json").write_text(json.dumps({"tables": [table]}))

    (run,), _ = finished_runs(tmp_path)

    assert run.tables() == {"test": [Block("t", "n", ("R@1",), (Row("x", (Shown("1.0", "0-2"),), "main"),))]}
    (folder / "tables" / "test.json").write_text(json.dumps({"tables": [{"title": "t"}]}))
    with pytest.raises(DataError, match="make them again"):
        run.tables()


def test_a_table_of_several_runs_keeps_their_columns_apart():
    one = Block(
        "t", "n", ("R@1", "R@5"), (Row("x", (Shown("1"), Shown("5")), "main"), Row("chance", (Shown("0"),) * 2))
    )
    other = Block("t", "n", ("R@5", "MRR"), (Row("x", (Shown("50"), Shown("9")), "main"),))

    found = side_by_side("t", {"a": [one], "b": [other], "c": []})

    assert found.columns == ("R@1", "R@5")
    told = [(row.name, [cell.value for cell in row.cells]) for row in found.rows]
    assert told == [("a · x", ["1", "5"]), ("b · x", ["", "50"])]
    assert len(side_by_side("t", {"a": [one]}, whole=True).rows) == 2
    assert side_by_side("other", {"a": [one]}) is None
