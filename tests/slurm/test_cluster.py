"""Trainings on a real SLURM of two nodes: over both of them, begun again, and as the jobs of a sweep."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import ROOT, SMALL

from medxpert.run import open_run

pytestmark = pytest.mark.slurm

TINY = (*SMALL, "data.num_studies=80", "loader.batch_size=8", "trainer.max_epochs=1")
SCRIPT = ROOT / "experiments" / "slurm" / "train.sbatch"
SPY = '''
import json
import os
import time

import pytorch_lightning as pl


class Spy(pl.Callback):
    """Notes who learnt from what; takes its time the first two times."""

    def __init__(self, folder: str, seconds: float = 0):
        self.folder, self.seconds = folder, seconds

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_index):
        seen = {
            "node": os.environ["SLURMD_NODENAME"],
            "task": os.environ.get("SLURM_ARRAY_TASK_ID"),
            "rank": trainer.global_rank,
            "begun": int(os.environ.get("SLURM_RESTART_COUNT", 0)),
            "epoch": trainer.current_epoch,
            "step": trainer.global_step,
            "rows": batch.rows.tolist(),
        }
        with open(f"{self.folder}/{trainer.global_rank}.jsonl", "a") as file:
            file.write(json.dumps(seen) + "\\n")
        if seen["begun"] < 2:
            time.sleep(self.seconds)
'''


@pytest.fixture
def spied(tmp_path, cluster, monkeypatch):
    """Return a project folder, the overrides that spy on its trainings, and what they have noted so far."""
    (tmp_path / "spy.py").write_text(SPY)
    (tmp_path / "train.py").symlink_to(ROOT / "train.py")
    (tmp_path / "seen").mkdir()
    paths = (str(tmp_path), cluster.environment.get("PYTHONPATH", ""))
    monkeypatch.setitem(cluster.environment, "PYTHONPATH", ":".join(paths))
    monkeypatch.setitem(cluster.environment, "PATH", f"{sys.prefix}/bin:{cluster.environment['PATH']}")
    overrides = ("+callbacks.spy._target_=spy.Spy", f"callbacks.spy.folder={tmp_path / 'seen'}")

    def seen():
        lines = [line for file in (tmp_path / "seen").iterdir() for line in file.read_text().splitlines()]
        return [json.loads(line) for line in lines]

    return tmp_path, overrides, seen


def runs(folder):
    return sorted(path.name for path in (folder / "outputs").iterdir() if not path.is_symlink())


def log(folder, job):
    return (folder / f"slurm-{job}.log").read_text()


def test_two_nodes_make_one_run(spied, cluster):
    folder, spy, seen = spied
    job = cluster.submit(SCRIPT, *TINY, *spy, cwd=folder)
    assert cluster.finish(job)["JobState"] == "COMPLETED", log(folder, job)[-3000:]
    assert runs(folder) == [f"slurm-{job}"]
    assert open_run("latest", folder / "outputs").provenance["processes"] == 2
    assert {(one["node"], one["rank"]) for one in seen()} == {("n1", 0), ("n2", 1)}
    rows = [row for one in seen() for row in one["rows"]]
    assert len(rows) == len(set(rows))


def test_a_job_that_is_begun_again_goes_on_in_its_folder(spied, cluster):
    folder, spy, seen = spied
    job = cluster.submit(SCRIPT, *TINY, *spy, "callbacks.spy.seconds=1", "loader.batch_size=4", cwd=folder)
    preempted, out_of_time = ("scontrol", "requeue", job), ("scancel", "--signal=TERM", f"{job}.0")
    for begun, words in enumerate((preempted, out_of_time)):
        cluster.wait_until(lambda begun=begun: sum(one["begun"] == begun for one in seen()) >= 4, 300, "two steps done")
        cluster.call(*words)
        cluster.begin_again(job)
    known = cluster.finish(job)
    assert known["JobState"] == "COMPLETED", log(folder, job)[-3000:]
    assert known["Restarts"] == "2"
    assert runs(folder) == [f"slurm-{job}"]
    steps = {(one["rank"], one["step"]) for one in seen()}
    assert len(seen()) == len(steps) == 2 * open_run("latest", folder / "outputs").provenance["steps"]
    rows = [row for one in seen() for row in one["rows"]]
    assert len(rows) == len(set(rows))


def sweep(cluster, folder, *arguments):
    launcher = ("-m", "hydra/launcher=submitit_slurm")
    return cluster.call(sys.executable, str(ROOT / "train.py"), *launcher, *TINY, *arguments, cwd=folder)


def test_each_job_of_a_sweep_is_a_job_of_the_cluster_and_goes_on_after_a_warning(spied, cluster):
    folder, spy, seen = spied
    partition = f"hydra.launcher.partition={cluster.partition}"

    def warned():
        return [(one["begun"], one["step"]) for one in seen() if one["task"] == "0"]

    with ThreadPoolExecutor() as pool:
        swept = pool.submit(sweep, cluster, folder, partition, *spy, "callbacks.spy.seconds=1", "seed=0,1")
        cluster.wait_until(lambda: len(warned()) >= 2, 300, "two steps done")
        (job,) = (name for name in cluster.call("squeue", "--noheader", "--format=%i").stdout.split() if "_0" in name)
        cluster.call("scancel", "--signal=USR2", job)
        cluster.begin_again(job)
    outcome = swept.result()
    assert outcome.returncode == 0, outcome.stderr[-3000:]
    (sweep_folder,) = (folder / "outputs" / name for name in runs(folder))
    jobs = [open_run(path) for path in sorted(sweep_folder.iterdir()) if (path / "provenance.json").is_file()]
    assert [run.provenance["seed"] for run in jobs] == [0, 1]
    logs = {path.name.partition("_")[2] for path in (sweep_folder / ".submitit").glob("*_?/*.err")}
    assert logs == {"0_0_log.err", "1_0_log.err"}
    assert {begun for begun, _ in warned()} == {0, 1}
    assert [step for _, step in warned()] == list(range(1, jobs[0].provenance["steps"] + 1))


def test_a_cluster_without_a_default_partition(tmp_path, cluster):
    outcome = sweep(cluster, tmp_path, "seed=0,1")
    assert outcome.returncode == 2, outcome.stderr
    assert outcome.stderr.splitlines()[-1] == (
        "error: SLURM refused the jobs: No partition specified or system default partition; "
        "set hydra.launcher.partition=...; sinfo lists them"
    )
