"""Launchers whose jobs run in processes that this one did not start."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, SMALL, process

from medxpert.run import open_run

TWO = ("data.num_studies=140", "trainer.devices=2", "trainer.accelerator=cpu", "trainer.max_epochs=1")


def folders(outputs):
    return [path for path in outputs.iterdir() if not path.is_symlink()]


@pytest.mark.slow
def test_submitit_runs_jobs_of_two_processes(tmp_path, cache):
    outcome = process(tmp_path, "train.py", *SMALL, *TWO, "-m", "hydra/launcher=submitit_local", f"seed=1,{2**32}")
    assert outcome.status == 2, outcome.err[-4000:]
    (sweep,) = folders(tmp_path / "outputs")
    with (sweep / "sweep.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["job"], row["status"]) for row in rows] == [
        ("0-clip_tiny-phantom", "finished"),
        ("1-clip_tiny-phantom", "failed"),
    ]
    assert "lies outside" in rows[1]["reason"]
    run = open_run("latest", tmp_path / "outputs")
    assert (run.path.name, run.provenance["processes"]) == ("0-clip_tiny-phantom", 2)


@pytest.mark.slow
def test_torchrun_makes_one_run(tmp_path, cache):
    torchrun = Path(sys.executable).with_name("torchrun")
    command = [str(torchrun), "--nproc-per-node", "2", str(ROOT / "train.py"), *SMALL, *TWO]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, env={**os.environ})
    assert done.returncode == 0, done.stderr[-4000:]
    assert [path.name for path in tmp_path.iterdir()] == ["outputs"]
    (folder,) = folders(tmp_path / "outputs")
    run = open_run("latest", tmp_path / "outputs")
    assert (run.path, run.provenance["processes"]) == (folder, 2)
