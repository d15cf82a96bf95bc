from types import SimpleNamespace

import optuna
import pytest
from pytorch_lightning.trainer.states import TrainerFn

from medxpert.callbacks import pruning
from medxpert.callbacks.pruning import MONITORS, Pruning
from medxpert.config.jobs import Pruned


@pytest.fixture
def study(tmp_path):
    """Return a study of five good trials, and one that runs: trial 5."""
    study = optuna.create_study(study_name="s", storage=f"sqlite:///{tmp_path}/study.db", direction="maximize")
    for _ in range(5):
        trial = study.ask()
        for epoch in range(3):
            trial.report(0.5, epoch)
        study.tell(trial, 0.5)
    study.ask()
    return study


@pytest.fixture
def callback(study, tmp_path):
    return Pruning(f"sqlite:///{tmp_path}/study.db", "s", 5)


def trainer(epoch, recall, **changes):
    known = {
        "sanity_checking": False,
        "state": SimpleNamespace(fn=TrainerFn.FITTING),
        "callback_metrics": {MONITORS[0]: recall},
        "current_epoch": epoch,
        "is_global_zero": True,
    }
    return SimpleNamespace(**known | changes)


def test_good_trial_goes_on_and_is_reported(callback, study):
    for epoch, recall in enumerate((0.1, 0.6, 0.7)):
        callback.on_validation_end(trainer(epoch, recall), None)
    assert study.trials[5].intermediate_values == {0: 0.1, 1: 0.6, 2: 0.7}


def test_trial_below_the_median_ends_but_not_at_its_first_epoch(callback, study):
    callback.on_validation_end(trainer(0, 0.1), None)
    with pytest.raises(Pruned, match=r"val/recall@10 of 0\.200 after epoch 2 is below the median"):
        callback.on_validation_end(trainer(1, 0.2), None)
    assert study.trials[5].intermediate_values == {0: 0.1, 1: 0.2}


@pytest.mark.parametrize(
    "changes", [{"sanity_checking": True}, {"state": SimpleNamespace(fn=TrainerFn.VALIDATING)}], ids=str
)
def test_validation_outside_the_fit_counts_for_nothing(callback, study, changes):
    callback.on_validation_end(trainer(2, 0.1, **changes), None)
    assert study.trials[5].intermediate_values == {}


def test_other_ranks_follow_rank_0(callback, study, monkeypatch):
    told = []

    def gather(value):
        told.append(value)
        return [True, value]

    monkeypatch.setattr(pruning, "gather_objects", gather)
    left = []
    monkeypatch.setattr(pruning, "leave_group", lambda: left.append(True))
    with pytest.raises(Pruned):
        callback.on_validation_end(trainer(2, 0.9, is_global_zero=False), None)
    assert told == [None]
    assert left == [True]
    assert study.trials[5].intermediate_values == {}


@pytest.mark.parametrize("place", ["folder", "empty.db"])
def test_database_out_of_reach_stops_nothing(tmp_path, caplog, place):
    (tmp_path / "folder").mkdir()
    Pruning(f"sqlite:///{tmp_path}/{place}", "s", 5).on_validation_end(trainer(2, 0.1), None)
    assert "epoch 2 was not reported to study s: " in caplog.text


def test_trial_that_was_given_up_goes_on_when_its_run_is_resumed(callback, study, caplog):
    study.tell(5, state=optuna.trial.TrialState.FAIL)
    callback.on_validation_end(trainer(2, 0.1), None)
    assert "was not reported" in caplog.text
