"""A sweep by the real command: jobs of two processes, one of which fails."""

import csv
import json

import pytest

from medxpert.run import open_run


@pytest.mark.slow
def test_each_job_makes_one_run_and_the_best_becomes_the_latest(tmp_path, train_small):
    outcome = train_small(
        tmp_path,
        "data.num_studies=140",
        "trainer.devices=2",
        "trainer.accelerator=cpu",
        "trainer.max_epochs=1",
        "-m",
        f"seed=1,2,{2**32}",
    )
    assert outcome.status == 2, outcome.err[-4000:]
    assert f"error: job 2: seed={2**32} lies outside" in outcome.err
    (sweep,) = (path for path in (tmp_path / "outputs").iterdir() if not path.is_symlink())
    folders = [sweep / f"{number}-clip_tiny-phantom" for number in range(3)]
    assert sorted(path for path in sweep.iterdir() if path.is_dir()) == folders
    assert [(folder / "provenance.json").exists() for folder in folders] == [True, True, False]
    assert [open_run(folder).provenance["processes"] for folder in folders[:2]] == [2, 2]
    assert [open_run(folder).provenance["seed"] for folder in folders[:2]] == [1, 2]
    with (sweep / "sweep.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["status"] for row in rows] == ["finished", "finished", "failed"]
    assert float(rows[0]["val_recall@10"]) >= float(rows[1]["val_recall@10"])
    assert rows[2]["reason"] == json.loads((folders[2] / "job.json").read_text())["reason"]
    assert (tmp_path / "outputs" / "latest").resolve().name == rows[0]["job"]
    assert "1.  " + rows[0]["job"] in outcome.out
