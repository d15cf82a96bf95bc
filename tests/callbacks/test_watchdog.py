import json
from dataclasses import asdict
from threading import Event
from types import SimpleNamespace

import pytest

from medxpert.callbacks import watchdog
from medxpert.callbacks.watchdog import Beat, Quiet, Watchdog, told, verdict
from medxpert.errors import ConfigError

AWAKE, FROZEN = 0.0, 60.0


def rank(progress=7, waits=False, idle=60.0, frozen=AWAKE):
    return Quiet(
        Beat(step=17, doing="loading a batch", where="a/b.py:3 read", progress=progress, waits=waits), idle, frozen
    )


VERDICTS = {
    "one gets on": ({0: rank(), 1: rank(idle=5.0)}, None),
    "nobody is known": ({}, None),
    "alone": ({0: rank()}, [0]),
    "frozen": ({0: rank(), 1: rank(progress=8, frozen=FROZEN)}, [1]),
    "behind": ({0: rank(8), 1: rank(7), 2: rank(8)}, [1]),
    "busy": ({0: rank(waits=True), 1: rank()}, [1]),
    "all wait": ({0: rank(waits=True), 1: rank(waits=True)}, [0, 1]),
}


@pytest.mark.parametrize(("ranks", "guilty"), VERDICTS.values(), ids=VERDICTS.keys())
def test_whom_the_others_wait_for(ranks, guilty):
    assert verdict(ranks, 60.0) == guilty


@pytest.mark.parametrize(
    ("ranks", "guilty", "words"),
    [
        (
            {0: rank(8), 1: rank()},
            [1],
            "rank 1 has not finished step 18 for 1 minutes (loading a batch, in a/b.py:3 read); rank 0 waits for it",
        ),
        (
            {0: rank(), 1: rank(frozen=FROZEN), 2: rank()},
            [1],
            "rank 1 has not finished step 18 for 1 minutes (its process is stopped or gone); ranks 0, 2 wait for it",
        ),
        (
            {0: rank()},
            [0],
            "the training has not finished step 18 for 1 minutes (loading a batch, in a/b.py:3 read)",
        ),
    ],
)
def test_words(ranks, guilty, words):
    assert told(ranks, guilty, 60.0) == words


def test_what_counts_as_quiet():
    quiet = Quiet(Beat(progress=1, ticks=1))
    quiet = quiet.after(Beat(progress=1, ticks=2), 3.0)
    assert quiet[1:] == (3.0, 0.0)
    quiet = quiet.after(Beat(progress=1, ticks=2), 3.0)
    assert quiet[1:] == (6.0, 3.0)
    assert quiet.after(Beat(progress=2, ticks=3), 3.0)[1:] == (0.0, 0.0)


@pytest.fixture
def ended(monkeypatch):
    """Return what a watchdog has done instead of ending the process."""
    done, killed = Event(), []

    def leave(status):
        killed.append(status)
        done.set()

    monkeypatch.setattr(watchdog, "leave", leave)
    monkeypatch.setattr(watchdog, "kill", killed.extend)
    return SimpleNamespace(done=done, killed=killed)


def begin(folder, num_ranks, **arguments):
    strategy = SimpleNamespace(broadcast=lambda name: name)
    trainer = SimpleNamespace(strategy=strategy, global_rank=0, world_size=num_ranks, global_step=17)
    watching = Watchdog(str(folder), **arguments)
    watching.setup(trainer, None, "fit")
    watching.on_train_batch_start(trainer, None, None, 0)
    return watching, trainer


def test_a_stuck_rank_ends_all(tmp_path, ended, capfd):
    stuck = asdict(Beat(step=17, progress=0, process=123, host=watchdog.socket.gethostname()))
    watching, _ = begin(tmp_path, 2, minutes=0.01)
    (tmp_path / ".heartbeat-of-rank-1.json").write_text(json.dumps(stuck))
    assert ended.done.wait(20)
    assert ended.killed == [123, 1]
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("error: rank 1 has not finished step 18 for 0.01 minutes (its process is stopped or gone)")
    assert line.endswith("raise callbacks.watchdog.minutes; no checkpoint was written yet: train again")
    watching._thread.join()
    assert list(tmp_path.iterdir()) == []


def test_a_training_that_gets_on_is_left_alone(tmp_path, ended):
    watching, trainer = begin(tmp_path, 1, minutes=0.01)
    for _ in range(20):
        watching.on_train_batch_end(trainer, None, None, None, 0)
        assert not ended.done.wait(0.1)
    assert [path.name for path in tmp_path.iterdir()] == [".heartbeat-of-rank-0.json"]
    watching.teardown(trainer, None, "fit")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("minutes", [0, None])
def test_it_can_be_turned_off(tmp_path, minutes):
    watching, trainer = begin(tmp_path, 1, minutes=minutes)
    assert not watching._thread.is_alive()
    watching.on_exception(trainer, None, ValueError())


def test_minutes_are_not_negative(tmp_path):
    with pytest.raises(ConfigError, match=r"callbacks.watchdog.minutes=-1 must be at least 0"):
        Watchdog(str(tmp_path), -1)
