"""Whatever ends a training is told in one line, nothing learnt is lost, and no process is left behind."""

import json
import os
import signal
import subprocess
from threading import Event
from types import SimpleNamespace

import pytest
import pytorch_lightning as pl
import torch
from torch import nn

from medxpert import interruption
from medxpert.datamodule import DataModule
from medxpert.errors import DataError, MedXpertError
from medxpert.interruption import SIGNALS, interruptible
from medxpert.run import LAST
from medxpert.words import SPLITS, Study

NUM_STUDIES, BATCH_SIZE, EPOCHS = 10, 3, 2
NUM_STEPS = 8


class Learner(pl.LightningModule):
    """Notes what it sees, and is sent a signal in the middle of a step."""

    def __init__(self, number=None, step=None, validation=None):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.signal, self.step, self.validation = number, step, validation
        self.seen, self.validated = [], []

    def training_step(self, batch, batch_index):
        if self.global_step == self.step:
            os.kill(os.getpid(), self.signal)
        self.seen.append((self.current_epoch, batch.rows.tolist()))
        return (self.weight - batch.rows.float().mean()).square().sum()

    def validation_step(self, batch, batch_index):
        if self.global_step == self.validation:
            os.kill(os.getpid(), self.signal)
        self.validated.append(self.global_step)

    def configure_optimizers(self):
        return torch.optim.SGD([self.weight], lr=0.1)


@pytest.fixture
def data(tmp_path, flat):
    def read(split):
        for number in range(NUM_STUDIES):
            level = 80 * SPLITS.index(split) + number
            yield Study(f"{split}{number}", "", (flat(level),), f"Text {number}.")

    def tokens(texts):
        return torch.zeros(len(texts), 2, dtype=torch.int64).numpy()

    return lambda: DataModule(read, tokens, 8, BATCH_SIZE, cache=str(tmp_path / "cache"))


def fit(folder, data, learner, checkpoint=None):
    with interruptible(folder) as guard:
        trainer = pl.Trainer(
            accelerator="cpu",
            max_epochs=EPOCHS,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
        )
        guard.attach(trainer)
        trainer.fit(learner, datamodule=data(), ckpt_path=checkpoint, weights_only=True)
    return learner


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR2])
def test_it_goes_on_where_a_signal_stopped_it(tmp_path, data, number):
    whole = fit(tmp_path / "whole", data, Learner())
    assert len(whole.seen) == NUM_STEPS
    for step in range(NUM_STEPS):
        folder, first = tmp_path / f"{number}-{step}", Learner(number, step)
        with pytest.raises(KeyboardInterrupt, match=f"interrupted at step {step + 1}; go on with: .*{folder.name}$"):
            fit(folder, data, first)
        second = fit(folder, data, Learner(), str(folder / LAST))
        assert len(first.seen) == step + 1
        assert first.seen + second.seen == whole.seen
        assert first.validated + second.validated == whole.validated
        assert second.weight.item() == whole.weight.item()


@pytest.fixture
def launcher(tmp_path):
    """Return where a launcher that requeues its job, as submitit does, notes the steps that it finds saved."""
    found = []

    def requeue(number, frame):
        found.append(torch.load(tmp_path / LAST, weights_only=True)["global_step"])
        raise SystemExit(-1)

    before = {number: signal.signal(number, requeue) for number in (signal.SIGTERM, signal.SIGUSR2)}
    yield found
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.filterwarnings("ignore")
def test_a_launcher_requeues_what_is_saved(tmp_path, data, launcher):
    with pytest.raises(SystemExit, match="-1"):
        fit(tmp_path, data, Learner(signal.SIGUSR2, 1))
    assert launcher == [2]


@pytest.mark.filterwarnings("ignore")
def test_a_launcher_does_not_requeue_at_other_signals(tmp_path, data, launcher):
    with pytest.raises(KeyboardInterrupt, match="interrupted at step 2"):
        fit(tmp_path, data, Learner(signal.SIGTERM, 1))
    assert launcher == []


@pytest.mark.filterwarnings("ignore")
def test_validation_is_not_waited_for(tmp_path, data):
    learner = Learner(signal.SIGTERM, validation=4)
    with pytest.raises(KeyboardInterrupt, match="interrupted at step 4; no checkpoint was written yet"):
        fit(tmp_path, data, learner)
    assert learner.validated == []


def test_before_there_is_a_trainer(tmp_path):
    before = [signal.getsignal(number) for number in SIGNALS]
    with pytest.raises(KeyboardInterrupt, match=r"^interrupted$"), interruptible(tmp_path):
        os.kill(os.getpid(), signal.SIGTERM)
    assert [signal.getsignal(number) for number in SIGNALS] == before
    assert signal.set_wakeup_fd(-1) == -1
    assert "MEDXPERT_PARENT" not in os.environ


def test_a_forked_loader_does_not_hear_what_is_meant_for_its_parent(tmp_path):
    with interruptible(tmp_path):
        process = os.fork()
        if process == 0:
            ignored = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2)]
            deaf = ignored == [signal.SIG_IGN] * 3 and signal.set_wakeup_fd(-1) == -1
            os._exit(0 if deaf and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL else 1)
        assert os.waitpid(process, 0)[1] == 0


def test_errors_pass_through(tmp_path):
    with pytest.raises(DataError, match="broken"), interruptible(tmp_path):
        raise DataError("broken")


def test_a_second_ctrl_c_ends_a_training_that_hangs(tmp_path, monkeypatch, capfd):
    left = Event()
    monkeypatch.setattr(interruption, "leave", lambda status: left.set() if status == 130 else None)
    with interruptible(tmp_path) as guard:
        guard._wish.stepping = True
        os.kill(os.getpid(), signal.SIGINT)
        assert not left.wait(1)
        os.kill(os.getpid(), signal.SIGINT)
        assert left.wait(10)
    assert "error: interrupted" in capfd.readouterr().err.splitlines()


FAULTS = {
    "killed": ("kill -9 $$", "rank 1 died (killed by signal 9) at step 5; no checkpoint was written yet", 1),
    "status": ("exit 7", "rank 1 ended with status 7 at step 5; no checkpoint was written yet", 1),
    "error": ("exit 3", "rank 1: shard 4 is corrupt", 3),
}


@pytest.mark.parametrize(("end", "message", "status"), FAULTS.values(), ids=FAULTS.keys())
def test_a_rank_that_fails(tmp_path, end, message, status):
    (tmp_path / ".fault-of-rank-2.json").write_text("of a rank that failed at the same time")
    if status == 3:
        told = {"message": "shard 4 is corrupt", "status": 3}
        (tmp_path / ".fault-of-rank-1.json").write_text(json.dumps(told))
    children = [subprocess.Popen(["sh", "-c", end]), subprocess.Popen(["sleep", "60"])]
    launcher = SimpleNamespace(procs=list(children))
    trainer = SimpleNamespace(
        callbacks=[],
        strategy=SimpleNamespace(launcher=launcher),
        _signal_connector=SimpleNamespace(),
        global_rank=0,
        is_global_zero=True,
        global_step=5,
    )
    with pytest.raises(MedXpertError) as caught, interruptible(tmp_path) as guard:
        guard.attach(trainer)
        Event().wait(60)
    assert str(caught.value).startswith(message)
    assert caught.value.exit_status == status
    assert launcher.procs == []
    assert children[1].poll() == -9
    assert list(tmp_path.iterdir()) == []


SPY = """
import os
from pathlib import Path

import pytorch_lightning as pl


class Spy(pl.Callback):
    def __init__(self, folder: str, signal: int, rank: int):
        self.folder, self.signal, self.rank = Path(folder), signal, rank

    def on_train_batch_start(self, trainer, module, batch, batch_index):
        (self.folder / f"rank-{trainer.global_rank}").write_text(str(os.getpid()))
        if trainer.global_step == 2 and trainer.global_rank == self.rank:
            os.kill(os.getpid(), self.signal)
"""


@pytest.fixture
def signalled(tmp_path, train_small, monkeypatch):
    """Train, and send a signal to a rank at its third step."""

    def call(number, rank, *arguments):
        (tmp_path / "spy.py").write_text(SPY)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        spy = ("+callbacks.spy._target_=spy.Spy", f"callbacks.spy.folder={tmp_path}", f"callbacks.spy.signal={number}")
        run = f"hydra.run.dir={tmp_path / 'run'}"
        return train_small(tmp_path, *spy, f"callbacks.spy.rank={rank}", run, "trainer.max_epochs=1", *arguments)

    return call


def errors(text):
    return [line for line in text.splitlines() if line.startswith("error: ")]


@pytest.mark.slow
def test_sigterm_then_resume(tmp_path, signalled, script):
    stopped = signalled(15, 0)
    assert (stopped.status, errors(stopped.err)) == (
        130,
        ["error: interrupted at step 3; go on with: python train.py resume=run"],
    )
    assert torch.load(tmp_path / "run" / LAST, weights_only=True)["global_step"] == 3
    (tmp_path / "spy.py").write_text(SPY.replace("== 2", "== -1"))
    resumed = script(tmp_path, "train.py", "resume=run")
    assert resumed.status == 0, resumed.err[-3000:]
    assert [path.name for path in (tmp_path / "run").iterdir() if path.name.startswith(".")] == []


@pytest.mark.slow
def test_a_dead_rank_is_named_and_no_process_is_left(tmp_path, signalled):
    killed = signalled(9, 1, "trainer.devices=2", "trainer.accelerator=cpu", "loader.batch_size=16")
    assert (killed.status, errors(killed.err)) == (
        1,
        ["error: rank 1 died (killed by signal 9) at step 2; no checkpoint was written yet: train again"],
    )
    for rank in (0, 1):
        process = int((tmp_path / f"rank-{rank}").read_text())
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)
    assert "Traceback" not in killed.err
    assert [path.name for path in (tmp_path / "run").iterdir() if path.name.startswith(".")] == []


@pytest.mark.slow
def test_a_run_may_end_before_its_first_validation(train_small, tmp_path):
    ended = train_small(tmp_path, "trainer.max_steps=1", "loader.batch_size=16")
    assert (ended.status, errors(ended.err)) == (0, []), ended.err[-3000:]
    assert (tmp_path / "outputs" / "latest" / "index" / "manifest.json").is_file()
