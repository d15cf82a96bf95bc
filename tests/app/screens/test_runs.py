"""The runs on disk, side by side."""

import json
import shutil


def _second(project) -> str:
    """Add a copy of the run under another name, which must be compared as equal."""
    copy = project / "outputs" / "2020-01-01_00-00-00-000000-clip_tiny-copy"
    shutil.copytree((project / "outputs" / "latest").resolve(), copy, dirs_exist_ok=True)
    return copy.name


def test_the_newest_run_is_shown_with_its_table(screen):
    drawn = screen("runs")

    assert not drawn.exception
    assert not drawn.error
    assert len(drawn.dataframe[0].value) == 1
    assert any("identity" in one.proto.body for one in drawn.get("html") if hasattr(one.proto, "body"))
    assert drawn.get("image")
    assert "Tick two or more" in drawn.info[0].value


def test_two_runs_are_compared_study_by_study(screen, project):
    name = _second(project)
    try:
        drawn = screen("runs")
        drawn.session_state["runs.table"] = {"selection": {"rows": [0, 1], "columns": [], "cells": []}}
        drawn.run()
        drawn.button(key="runs.compare").click().run()

        assert not drawn.exception
        assert not drawn.error
        (paths, split), blocks, _ = drawn.session_state["runs.comparison"]
        assert split == "val"
        assert len(paths) == 2
        differences = {cell.value for block in blocks for row in block.rows if row.kind == "gain" for cell in row.cells}
        assert differences == {"+0.0", "1.000"}
    finally:
        shutil.rmtree(project / "outputs" / name)


def test_a_private_run_is_hidden(screen, copied_run, project, monkeypatch):
    told = json.loads((copied_run / "provenance.json").read_text())
    (copied_run / "provenance.json").write_text(json.dumps(told | {"policy": "private"}))
    target = project / "outputs" / "2030-private"
    shutil.copytree(copied_run, target)
    try:
        drawn = screen("runs")

        assert any("authenticated sessions only" in one.value for one in drawn.warning)
        assert target.name not in list(drawn.dataframe[0].value["run"])
    finally:
        shutil.rmtree(target)
