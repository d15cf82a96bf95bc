"""An Optuna study in its folder: opened once at a time, told what became of its trials."""

from __future__ import annotations

import fcntl
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import optuna
from optuna.samplers import TPESampler
from optuna.trial import TrialState

from medxpert.config.jobs import JobRecord
from medxpert.errors import ConfigError
from medxpert.privacy import without_credentials
from medxpert.sweeping.outcomes import Outcome
from medxpert.sweeping.search import Search
from medxpert.sweeping.space import Space

log = logging.getLogger(__name__)
AGAIN = "again"
"""Attribute of a trial that repeats a killed one: the number of that one."""
_AXES, _FIXED = "axes", "fixed"
_LOCK = "study.lock"


@contextmanager
def alone(folder: Path, study: str) -> Iterator[None]:
    """Make a study's folder and hold its lock, which ends with this process however that ends.

    A folder that nothing was written to vanishes again.

    Raises:
        ConfigError: another process holds the lock.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(
                f"sweep.study={study} is being searched by another process; wait for it or give another name"
            ) from error
        try:
            yield
        finally:
            if [path.name for path in folder.iterdir()] == [_LOCK]:
                shutil.rmtree(folder, ignore_errors=True)


def database(settings: Search, folder: Path) -> str:
    """Return the URL of the study's database."""
    return settings.storage or f"sqlite:///{folder / 'study.db'}"


def open_study(settings: Search, folder: Path, space: Space) -> optuna.Study:
    """Open or create a study.

    Raises:
        ConfigError: the database cannot be opened, or the study was begun with other axes.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    url = database(settings, folder)
    try:
        study = optuna.create_study(study_name=settings.study, storage=url, direction="maximize", load_if_exists=True)
    except Exception as error:  # The drivers of databases raise their own.
        reason = str(error).strip().partition("\n")[0]
        raise ConfigError(f"sweep.storage={without_credentials(url)}: {reason}") from error
    _compare(study, space)
    # a seed of its own for every continuation: the same one would draw the first trials again
    study.sampler = TPESampler(seed=settings.seed + len(study.trials))
    return study


def _compare(study: optuna.Study, space: Space) -> None:
    known = study.user_attrs
    if _AXES not in known:
        study.set_user_attr(_AXES, space.described())
        study.set_user_attr(_FIXED, sorted(without_credentials(one) for one in space.fixed))
        return
    if known[_AXES] != space.described():
        raise ConfigError(
            f"sweep.study={study.study_name} was begun with other axes or ranges ({', '.join(known[_AXES])}); "
            "give the same ones, or another sweep.study="
        )
    before, now = set(known[_FIXED]), {without_credentials(one) for one in space.fixed}
    if before != now:
        changed = " ".join(sorted(one.lstrip("+") for one in before ^ now))
        log.warning("study %s: other settings than before (%s); trials may not compare", study.study_name, changed)


def settle(study: optuna.Study, jobs: list[Outcome]) -> None:
    """Tell a study what became of its running trials; what did not end well has failed."""
    by_number = {one.number: one for one in jobs}
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        job = by_number.get(trial.number)
        if job and job.status == "finished" and job.objective is not None:
            study.tell(trial.number, job.objective)
        else:
            pruned = job is not None and job.status == "pruned"
            study.tell(trial.number, state=TrialState.PRUNED if pruned else TrialState.FAIL)


def recover(study: optuna.Study, jobs: list[Outcome]) -> None:
    """Settle what an interrupted search left, and line up again the trials that were killed with it."""
    ended = {one.number for one in jobs if one.status != "interrupted"}
    running = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    settle(study, jobs)
    for job in jobs:
        if job.status == "interrupted":  # Its own record may say that it runs.
            JobRecord(job.number, job.status, "interrupted", job.exit_status).write(job.folder)
    for trial in running:
        if trial.number not in ended:
            study.enqueue_trial(trial.params, user_attrs={AGAIN: trial.number})


def num_settled(study: optuna.Study) -> int:
    """Count the trials that count: a killed trial and the one that repeats it are one."""
    trials = study.get_trials(deepcopy=False)
    repeated = sum(AGAIN in one.user_attrs for one in trials)
    return sum(one.state.is_finished() for one in trials) - repeated
