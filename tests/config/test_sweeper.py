"""What a strategy of `sweep=` can do through Hydra's sweeper; jobs are not launched here."""

from pathlib import Path

import pytest

CONF = {
    "sweep/all.yaml": "_target_: strategies.All",
    "sweep/once.yaml": "# @package _global_\nsweep: {_target_: strategies.All, times: 2}\nhydra: {mode: MULTIRUN}",
}
STRATEGIES = """
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
seen = []
class All:
    def __init__(self, times: int = 1):
        self.times = times
    def __call__(self, sweep, overrides):
        jobs = BasicSweeper.split_arguments(list(overrides), None)[0]
        sweep.check(jobs)
        seen.append((self.times, jobs, sweep))
"""


@pytest.fixture
def swept(run, tmp_path, monkeypatch):
    """Run a command whose sweeps are noted; returns the exit status and what the strategy was given."""
    for name, text in CONF.items():
        path = tmp_path / "conf" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    primary = tmp_path / "conf" / "train.yaml"
    text = primary.read_text().replace("{logger: null}", "{logger: null}, {sweep: all}")
    sweeper = "hydra:\n          sweeper: {_target_: hydra_plugins.medxpert.Sweep}\n"
    primary.write_text(text.replace("hydra:\n", sweeper))
    (tmp_path / "strategies.py").write_text(STRATEGIES)
    monkeypatch.delitem(__import__("sys").modules, "strategies", raising=False)

    def call(*arguments):
        status = run(*arguments)
        import strategies

        return status, strategies.seen

    return call


def test_strategy_gets_the_overrides_without_its_own_settings(swept):
    _, ((times, jobs, _),) = swept("-m", "model.lr=1,2", "sweep.times=3", "query=a, b")
    assert times == 3
    assert jobs == [["++model.lr=1", "++query='a, b'"], ["++model.lr=2", "++query='a, b'"]]


def test_a_choice_of_sweep_needs_no_flag(swept):
    _, ((times, jobs, _),) = swept("sweep=once", "seed=1")
    assert (times, jobs) == (2, [["++seed=1"]])


def test_a_job_as_a_command(swept, tmp_path):
    _, ((_, _, sweep),) = swept("--config-dir", str(tmp_path), "-m", "model=tiny,large", "seed=1")
    command = sweep._command(["model=large", "++seed=1"], 7)
    assert (command.number, command.folder) == (7, sweep.folder / "7-large")
    assert list(command.words[-7:]) == [
        "model=large",
        "++seed=1",
        "--config-dir",
        str(tmp_path),
        f"hydra.run.dir='{command.folder}'",
        f"hydra.sweep.dir='{sweep.folder}'",
        "hydra.mode=RUN",
    ]
    assert command.shown == "model=large"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-m", "model.rl=1,2"], "model.rl: Adam takes no 'rl'; known: betas, eps, fused, lr"),
        (["-m", "modle=tiny,large"], "modle: unknown key; did you mean 'model'?"),
        (["-m", "model.lr=1,fast"], "model.lr: expected float, found 'fast'"),
        (["-m", "model=tiny,lrge"], "model=lrge: no such choice; did you mean 'large'? available: broken, large, tiny"),
        (["-m", "model=tiny,null"], "model=null: no such choice; available: broken, large, tiny"),
        (["-m", "sweep.tims=3"], "sweep.tims: All takes no 'tims'; did you mean 'times'?"),
        (["-m", "sweep.times=x"], "sweep.times: expected int, found 'x'"),
    ],
)
def test_bad_axis_is_one_line_before_the_first_job(swept, capsys, tmp_path, arguments, message):
    status, seen = swept(*arguments)
    assert (status, seen) == (2, [])
    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"error: {message}"
    assert not (tmp_path / "out").exists()


def test_no_choice_of_sweep(swept, capsys, tmp_path):
    primary = tmp_path / "conf" / "train.yaml"
    primary.write_text(primary.read_text().replace("{sweep: all}", "{sweep: null}"))
    assert swept("-m", "seed=1,2") == (2, [])
    assert capsys.readouterr().err == "error: sweep=null: give sweep=grid or sweep=optuna\n"


def test_no_sweep_under_torchrun(swept, capsys, monkeypatch):
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    monkeypatch.setenv("RANK", "0")
    status, seen = swept("-m", "seed=1,2")
    assert (status, seen) == (2, [])
    assert "without torchrun or srun" in capsys.readouterr().err
    monkeypatch.setenv("RANK", "1")
    assert swept("-m", "seed=1,2")[0] == 2
    assert capsys.readouterr().err == ""


def test_other_ranks_make_no_folder(run, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    monkeypatch.setenv("RANK", "1")
    (job,) = run("seed=1")
    assert Path(job["folder"]) == tmp_path
    (job,) = run("seed=1", f"hydra.run.dir={tmp_path / 'chosen'}")
    assert Path(job["folder"]) == tmp_path / "chosen"
    assert not (tmp_path / "out").exists()
