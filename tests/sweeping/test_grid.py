import csv

import pytest
from sweeping.conftest import parsed

from medxpert.config.jobs import NUMBER, JobRecord
from medxpert.errors import ConfigError, MedXpertError
from medxpert.run import finish_run
from medxpert.sweeping.grid import Grid


def rows(sweep):
    with (sweep.folder / "sweep.csv").open() as file:
        return list(csv.DictReader(file))


def test_table_is_best_first_and_latest_the_best(fake, capsys, tmp_path):
    sweep = fake(lambda job: float(job["++a.lr"]))
    Grid()(sweep, parsed("++a.lr=0.2,0.6,0.4", "++seed=5"))
    assert sweep.checked == [job for _, job in sweep.launched]
    assert [(row["rank"], row["job"], row["a.lr"], row["val_recall@10"]) for row in rows(sweep)] == [
        ("1", "1-tiny", "0.6", "0.6"),
        ("2", "2-tiny", "0.4", "0.4"),
        ("3", "0-tiny", "0.2", "0.2"),
    ]
    assert (tmp_path / "outputs" / "latest").resolve() == sweep.folder / "1-tiny"
    out = capsys.readouterr().out
    assert out.index("1-tiny") < out.index("2-tiny") < out.index("0-tiny")
    assert "60.0  10.0" in out
    assert "seed" not in out


def test_sweep_ends_with_the_status_of_the_first_failure(fake, capsys):
    results = {"1": JobRecord(0, "pruned", "low"), "2": JobRecord(0, "failed", "no file", 3), "4": 0.5}
    sweep = fake(lambda job: results.get(job["seed"], JobRecord(0, "failed", "bug", 1)))
    with pytest.raises(MedXpertError, match="2 of 4 jobs did not finish") as error:
        Grid()(sweep, parsed("seed=1,2,3,4"))
    assert error.value.exit_status == 3
    assert [(row["seed"], row["status"], row["reason"]) for row in rows(sweep)] == [
        ("4", "finished", ""),
        ("1", "pruned", "low"),
        ("2", "failed", "no file"),
        ("3", "failed", "bug"),
    ]
    out = capsys.readouterr().out
    assert "1-tiny: no file\n2-tiny: bug" in out


def test_interrupted_sweep_lists_what_there_is(fake, tmp_path):
    sweep = fake(lambda job: 0.5 if job["seed"] == "1" else KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        Grid()(sweep, parsed("seed=1,2,3"))
    assert [row["status"] for row in rows(sweep)] == ["finished", "interrupted"]
    assert (tmp_path / "outputs" / "latest").resolve().name == "0-tiny"


def test_job_of_a_running_sweep_leaves_latest_alone(fake, tmp_path, monkeypatch):
    folders = [fake(None, name).folder for name in ("before", "job")]
    for folder in folders:
        folder.mkdir()
    finish_run(folders[0], {})
    monkeypatch.setenv(NUMBER, "0")
    finish_run(folders[1], {})
    assert (tmp_path / "outputs" / "latest").resolve() == folders[0]


def test_grid_needs_values(fake):
    sweep = fake(None)
    with pytest.raises(ConfigError, match=r"a\.lr: a grid needs values; add sweep=optuna"):
        Grid()(sweep, parsed("++a.lr=interval(0,1)"))
    assert not sweep.folder.exists()


def test_jobs_at_a_time():
    with pytest.raises(ConfigError, match=r"sweep\.n_jobs=0 must be at least 1"):
        Grid(n_jobs=0)
