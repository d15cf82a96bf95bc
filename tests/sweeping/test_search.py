import csv
import subprocess
import sys

import optuna
import pytest
from optuna.trial import TrialState
from PIL import Image
from sweeping.conftest import leave_job, parsed

from medxpert.config.jobs import JobRecord
from medxpert.errors import ConfigError, MedXpertError, MissingExtraError
from medxpert.sweeping.search import Search
from medxpert.sweeping.study import alone

AXES = parsed("++a.lr=interval(0,1)", "++seed=5")


def peak(job):
    return 1 - abs(float(job["++a.lr"]) - 0.3)


def states(sweep):
    study = optuna.load_study(study_name="s", storage=f"sqlite:///{sweep.folder}/study.db")
    return [trial.state for trial in study.trials]


def rows(sweep):
    with (sweep.folder / "sweep.csv").open() as file:
        return list(csv.DictReader(file))


def test_search_comes_close_to_the_peak_and_ends_as_every_sweep(fake, capsys, tmp_path):
    sweep = fake(peak)
    Search("s", n_trials=12, n_jobs=3)(sweep, AXES)
    found = rows(sweep)
    assert len(found) == len(sweep.launched) == 12
    assert abs(float(found[0]["a.lr"]) - 0.3) < 0.15
    assert float(found[0]["val_recall@10"]) == pytest.approx(max(peak({"++a.lr": row["a.lr"]}) for row in found))
    assert (tmp_path / "outputs" / "latest").resolve().name == found[0]["job"]
    assert "outputs/s/sweep.csv\noutputs/s/study.png" in capsys.readouterr().out
    assert Image.open(sweep.folder / "study.png").width > 500
    assert sweep.checked == [["++seed=5", "++a.lr=0.0"], ["++seed=5", "++a.lr=1.0"]]


def test_jobs_can_ask_for_pruning(fake):
    sweep = fake(peak)
    Search("s", n_trials=1)(sweep, AXES)
    told = dict(one.split("=", 1) for one in sweep.launched[0][1])
    assert told["++callbacks.pruning._target_"] == "medxpert.callbacks.pruning.Pruning"
    assert told["++callbacks.pruning.storage"] == f"'sqlite:///{sweep.folder}/study.db'"
    assert (told["++callbacks.pruning.study"], told["++callbacks.pruning.trial"]) == ("'s'", "0")
    plain = fake(peak, "t")
    Search("t", n_trials=1, prune=False)(plain, AXES)
    assert not any("pruning" in one for one in plain.launched[0][1])


def test_same_seed_same_trials(fake):
    first, second = fake(peak, "a"), fake(peak, "b")
    for sweep in (first, second):
        Search(sweep.folder.name, n_trials=3, prune=False)(sweep, AXES)
    assert first.launched == second.launched


def test_states_of_jobs_become_states_of_trials(fake):
    results = iter([0.5, JobRecord(0, "pruned", "low"), JobRecord(0, "failed", "broken", 3)])
    sweep = fake(lambda job: next(results))
    with pytest.raises(MedXpertError, match="1 of 3 jobs") as error:
        Search("s", n_trials=3)(sweep, AXES)
    assert error.value.exit_status == 3
    assert states(sweep) == [TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL]


def test_study_goes_on_with_the_trials_that_are_missing(fake):
    Search("s", n_trials=2)(fake(peak), AXES)
    again = fake(peak)
    Search("s", n_trials=5)(again, AXES)
    assert [number for number, _ in again.launched] == [2, 3, 4]
    done = fake(peak)
    Search("s", n_trials=5)(done, AXES)
    assert done.launched == []
    assert len({row["a.lr"] for row in rows(done)}) == 5


def test_killed_trials_are_asked_again(fake):
    killed = fake(lambda job: KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        Search("s", n_trials=3, n_jobs=2, prune=False)(killed, AXES)
    sweep = fake(peak)
    Search("s", n_trials=3, n_jobs=2, prune=False)(sweep, AXES)
    assert [number for number, _ in sweep.launched] == [2, 3, 4]
    assert sweep.launched[0][1] == killed.launched[0][1]
    assert states(sweep) == [TrialState.FAIL] * 2 + [TrialState.COMPLETE] * 3
    assert [row["status"] for row in rows(sweep)] == ["finished"] * 3 + ["interrupted"]


def test_trial_that_finished_while_nobody_listened_counts(fake):
    sweep = fake(lambda job: KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        Search("s", n_trials=1)(sweep, AXES)
    leave_job(sweep.folder / "late", 0, 0.5)
    (sweep.folder / "0-tiny" / "job.json").unlink()
    again = fake(peak)
    Search("s", n_trials=1)(again, AXES)
    assert again.launched == []
    assert states(again) == [TrialState.COMPLETE]


def test_other_axes_are_another_study(fake):
    Search("s", n_trials=1)(fake(peak), AXES)
    with pytest.raises(ConfigError, match=r"sweep\.study=s was begun with other axes or ranges \(a\.lr\)"):
        Search("s", n_trials=2)(fake(peak), parsed("++a.lr=interval(0,2)"))


def test_other_settings_are_said(fake, caplog):
    Search("s", n_trials=1)(fake(peak), AXES)
    Search("s", n_trials=2)(fake(peak), parsed("++a.lr=interval(0,1)", "++seed=6"))
    assert "other settings than before (seed=5 seed=6)" in caplog.text


def test_one_process_at_a_time(fake):
    sweep = fake(peak)
    with alone(sweep.folder, "s"), pytest.raises(ConfigError, match="being searched by another process"):
        Search("s", n_trials=1)(sweep, AXES)
    assert not sweep.folder.exists()


def test_bad_storage_is_one_line_without_password_and_leaves_no_folder(fake):
    sweep = fake(peak)
    with pytest.raises(ConfigError, match=r"^sweep\.storage=nosuch://host/x: .*nosuch") as error:
        Search("s", storage="nosuch://me:secret@host/x")(sweep, AXES)
    assert "secret" not in str(error.value)
    assert not sweep.folder.exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"study": "a/b"}, "must be a plain name"),
        ({"study": "s", "n_trials": 0}, r"sweep\.n_trials=0 must be at least 1"),
        ({"study": "s", "n_jobs": 0}, r"sweep\.n_jobs=0 must be at least 1"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(ConfigError, match=message):
        Search(**settings)


def test_optuna_is_an_extra(fake, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("medxpert.sweeping.")]:
        if name != "medxpert.sweeping.search":
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'medxpert\[sweep\]'"):
        Search("s")(fake(peak), AXES)


def test_nothing_imports_optuna_before_a_search():
    program = "import sys, medxpert.sweeping.search, medxpert.sweeping.grid; sys.exit('optuna' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
