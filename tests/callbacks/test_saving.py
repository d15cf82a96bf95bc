import resource
from types import SimpleNamespace

import pytest
import torch

from medxpert.callbacks.saving import WholeCheckpoints, after_a_step, how_to_go_on
from medxpert.errors import ConfigError
from medxpert.run import LAST


@pytest.fixture
def small_disk():
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def written(folder, num_values):
    WholeCheckpoints().save_checkpoint({"weight": torch.zeros(num_values)}, str(folder / LAST))
    return torch.load(folder / LAST, weights_only=True)["weight"]


def test_what_does_not_fit_leaves_the_checkpoint_before(tmp_path, small_disk, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert len(written(tmp_path / "run", 100)) == 100
    with pytest.raises(
        ConfigError, match=r"cannot write .*last.ckpt: File too large; free .*; then go on .*resume=run$"
    ):
        written(tmp_path / "run", 100_000)
    assert len(torch.load(tmp_path / "run" / LAST, weights_only=True)["weight"]) == 100
    assert [path.name for path in (tmp_path / "run" / "checkpoints").iterdir()] == ["last.ckpt"]


def test_other_faults_of_writing_are_not_taken_for_the_disk(tmp_path, monkeypatch):
    def fail(*args):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises(RuntimeError, match="out of memory"):
        written(tmp_path, 1)
    assert not list((tmp_path / "checkpoints").iterdir())


def test_how_to_go_on(tmp_path, monkeypatch):
    run = tmp_path / "here" / "outputs" / "a"
    assert how_to_go_on(run) == "no checkpoint was written yet: train again"
    written(run, 1)
    monkeypatch.chdir(tmp_path / "here")
    assert how_to_go_on(run) == "go on with: python train.py resume=outputs/a"
    monkeypatch.chdir(run)
    assert how_to_go_on(run / ".." / "a").endswith("resume=.")
    monkeypatch.chdir("/")
    assert how_to_go_on(run).endswith(f"resume={run.relative_to('/')}")


@pytest.mark.parametrize(("accumulated", "steps"), [(1, [0, 1, 2, 3]), (2, [1, 3]), (3, [2])])
def test_steps_that_a_checkpoint_may_follow(accumulated, steps):
    trainer = SimpleNamespace(accumulate_grad_batches=accumulated, num_training_batches=5)
    assert [batch for batch in range(5) if after_a_step(trainer, batch)] == steps
