"""An interrupted training goes on where its checkpoint stands, wherever in an epoch that is."""

import json
import shutil
from datetime import timedelta
from functools import partial

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from safetensors.numpy import load_file
from torch import nn

from medxpert.callbacks.saving import LastCheckpoint
from medxpert.errors import ConfigError
from medxpert.words import SPLITS, Study

NUM_STUDIES, EPOCHS = 10, 3
TRAINER = pl.Trainer


class Interrupted(Exception):
    pass


class Learner(pl.LightningModule):
    """Notes what it sees, and stops before the checkpoint of a step can be written."""

    def __init__(self, stop_before=None):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.stop_before, self.seen = stop_before, []

    def training_step(self, batch, batch_index):
        if self.global_step == self.stop_before:
            raise Interrupted
        self.seen.append((self.current_epoch, batch.rows.tolist(), batch.pixels[:, 0, 0].tolist()))
        return (self.weight - batch.rows.float().mean()).square().sum()

    def validation_step(self, batch, batch_index):
        self.log("val/rows", float(len(batch.rows)))

    def configure_optimizers(self):
        return torch.optim.SGD([self.weight], lr=0.1)


@pytest.fixture
def data(tmp_path, flat):
    from medxpert.datamodule import DataModule

    def make(**arguments):
        def read(split):
            for number in range(NUM_STUDIES):
                level = 80 * SPLITS.index(split) + number
                yield Study(f"{split}{number}", "", (flat(level), flat(level + 40)), f"Text {number}.")

        def tokens(texts):
            return torch.zeros(len(texts), 2, dtype=torch.int64).numpy()

        settings = {"batch_size": 3, "images": "random", "cache": str(tmp_path / "cache")} | arguments
        return DataModule(read, tokens, 8, **settings)

    return make


def fit(folder, data, learner, checkpoint=None):
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=EPOCHS,
        callbacks=[LastCheckpoint(str(folder), minutes=0)],
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
    )
    trainer.fit(learner, datamodule=data, ckpt_path=checkpoint, weights_only=True)
    return learner


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("stop_before", "num_workers"), [*((step, 0) for step in (1, 3, 4, 5, 8, 11)), (3, 2), (4, 2), (6, 2)]
)
def test_every_study_is_seen_once_in_every_epoch_whenever_it_is_interrupted(tmp_path, data, stop_before, num_workers):
    whole = fit(tmp_path / "whole", data(num_workers=num_workers), Learner())
    first = Learner(stop_before)
    with pytest.raises(Interrupted):
        fit(tmp_path / "broken", data(num_workers=num_workers), first)
    second = fit(tmp_path / "broken", data(num_workers=num_workers), Learner(), str(tmp_path / "broken" / "last.ckpt"))
    assert first.seen + second.seen == whole.seen
    assert second.weight.item() == whole.weight.item()
    for epoch in range(EPOCHS):
        rows = [row for number, own, _ in whole.seen if number == epoch for row in own]
        assert sorted(rows) == list(range(NUM_STUDIES))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seed": 1}, "seed=0, now it is 1"),
        ({"batch_size": 4}, "loader.batch_size x processes=3, now it is 4"),
        ({"fit": "crop"}, "data="),
    ],
)
def test_a_place_among_other_data_means_nothing(tmp_path, data, arguments, message):
    with pytest.raises(Interrupted):
        fit(tmp_path, data(), Learner(2))
    with pytest.raises(ConfigError, match=f"cannot go on: the checkpoint was made with {message}"):
        fit(tmp_path, data(**arguments), Learner(), str(tmp_path / "last.ckpt"))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("due", range(1, 9))
def test_gradients_that_wait_for_more_batches_are_not_lost(tmp_path, data, monkeypatch, due):
    def accumulated(folder, learner, checkpoint=None):
        monkeypatch.setattr(pl, "Trainer", partial(TRAINER, accumulate_grad_batches=2))
        return fit(folder, data(batch_size=2), learner, checkpoint)

    whole = accumulated(tmp_path / "whole", Learner())

    class Late(Learner):
        """Lets the clock strike at one batch, and is interrupted two batches later."""

        def on_train_batch_start(self, batch, batch_index):
            number = self.current_epoch * 5 + batch_index
            (saving,) = (one for one in self.trainer.callbacks if isinstance(one, LastCheckpoint))
            saving._train_time_interval = timedelta(0) if number >= due else timedelta(days=1)
            if number == due + 3:
                raise Interrupted

    with pytest.raises(Interrupted):
        accumulated(tmp_path / "broken", Late())
    second = accumulated(tmp_path / "broken", Learner(), str(tmp_path / "broken" / "last.ckpt"))
    assert second.weight.item() == whole.weight.item()


def test_minutes_are_not_negative(tmp_path):
    with pytest.raises(ConfigError, match=r"callbacks.last.minutes=-1 must be at least 0"):
        LastCheckpoint(str(tmp_path), -1)


SPY = '''
import json
import os

import pytorch_lightning as pl


class Spy(pl.Callback):
    """Notes what each rank learnt from, and kills the last of them in the middle of an epoch."""

    def __init__(self, path: str, step: int):
        self.path, self.step = path, step

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_index):
        with open(f"{self.path}.{trainer.global_rank}", "a") as file:
            file.write(json.dumps([trainer.current_epoch, trainer.global_step, batch.rows.tolist()]) + "\\n")
        last = trainer.global_rank == trainer.world_size - 1
        if last and trainer.global_step == self.step and not os.path.exists(self.path + ".died"):
            open(self.path + ".died", "w").close()
            os.kill(os.getpid(), 9)
'''


def seen(log, rank):
    """Return epoch and rows of each step, and how often step 6 was made."""
    lines = [json.loads(line) for line in log.with_name(f"{log.name}.{rank}").read_text().splitlines()]
    return {step: (epoch, rows) for epoch, step, rows in lines}, [step for _, step, _ in lines].count(6)


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
def test_kill_9_in_an_epoch_then_resume(tmp_path, train_small, script, monkeypatch, processes):
    (tmp_path / "spy.py").write_text(SPY)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def train(name, step):
        log = tmp_path / f"{name}.jsonl"
        spy = ("+callbacks.spy._target_=spy.Spy", f"callbacks.spy.path={log}", f"callbacks.spy.step={step}")
        devices = (f"trainer.devices={processes}", "trainer.accelerator=cpu", f"loader.batch_size={32 // processes}")
        run = tmp_path / name
        return run, log, train_small(tmp_path, *spy, *devices, f"hydra.run.dir={run}", "callbacks.last.minutes=0")

    whole, whole_log, outcome = train("whole", -1)
    assert outcome.status == 0, outcome.err[-3000:]
    run, log, killed = train("run", 6)
    assert killed.status == (-9 if processes == 1 else 1), killed.err[-3000:]
    assert ("error: rank 1 died (killed by signal 9)" in killed.err) == (processes > 1)
    run = shutil.move(run, tmp_path / "moved")
    resumed = script(tmp_path, "train.py", f"resume={run}")
    assert resumed.status == 0, resumed.err[-3000:]
    for rank in range(processes):
        steps, times = seen(log, rank)
        assert steps == seen(whole_log, rank)[0]
        assert times == 2  # learnt from before the kill, but not saved
    for epoch in (0, 1):
        rows = [
            row
            for rank in range(processes)
            for number, own in seen(log, rank)[0].values()
            if number == epoch
            for row in own
        ]
        assert sorted(rows) == list(range(len(rows)))
    expected = load_file(whole / "model" / "model.safetensors")
    for name, weights in load_file(run / "model" / "model.safetensors").items():
        np.testing.assert_allclose(weights, expected[name], atol=1e-6, err_msg=name)
    assert sorted(path.name for path in (run / "logs").iterdir()) == ["metrics.csv", "metrics_1.csv"]
    assert not (tmp_path / "run").exists()


def test_a_run_in_its_own_folder_is_not_begun_anew(tmp_path, command, monkeypatch):
    run = tmp_path / "run"
    (run / "checkpoints").mkdir(parents=True)
    (run / "checkpoints" / "last.ckpt").touch()
    (run / "config.yaml").write_text("seed: -1\nchoices: {}\nfolder: there\ncode: {version: '0.0.1', commit: null}\n")
    outcome = command("train.py", f"hydra.run.dir={run}")
    assert outcome.status == 2
    assert f"holds an interrupted run; go on with it: python train.py resume={run}" in outcome.err
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    outcome = command("train.py", f"hydra.run.dir={run}")
    assert "the cluster began the job again; going on with" in outcome.err
    assert "was begun by another version of the code: 0.0.1, now" in outcome.err
    assert "seed=-1 lies outside" in outcome.err


def test_what_belongs_to_the_machine_may_change_beside_resume(tmp_path, command):
    run = tmp_path / "run"
    (run / "checkpoints").mkdir(parents=True)
    (run / "checkpoints" / "last.ckpt").touch()
    (run / "config.yaml").write_text("seed: -1\n")
    outcome = command("train.py", f"resume={run}", "trainer.devices=2", "loader.batch_size=8")
    assert "seed=-1 lies outside" in outcome.err


@pytest.mark.parametrize(
    ("prepare", "arguments", "status", "message"),
    [
        (lambda run: None, (), 2, "does not exist; give the folder of an interrupted run"),
        (lambda run: run.mkdir(), (), 3, "was interrupted before its first checkpoint"),
        (lambda run: run.mkdir(), ("seed=3",), 2, "goes on with the run's own configuration; leave out seed=3"),
    ],
)
def test_what_cannot_be_resumed(tmp_path, command, prepare, arguments, status, message):
    prepare(tmp_path / "run")
    outcome = command("train.py", f"resume={tmp_path / 'run'}", *arguments)
    assert outcome.status == status
    assert message in outcome.err


def test_a_finished_run_is_not_resumed(project, command):
    outcome = command("train.py", "resume=latest", cwd=project)
    assert outcome.status == 2
    assert "resume=latest holds a finished run" in outcome.err
