"""The loop of a search: ask for a batch of trials, launch them, tell what became of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import optuna

from medxpert.config.overrides import quote
from medxpert.config.sweeper import HIDDEN, Sweep
from medxpert.sweeping.ending import concluded
from medxpert.sweeping.outcomes import outcomes
from medxpert.sweeping.plot import draw_study
from medxpert.sweeping.search import Search
from medxpert.sweeping.space import Space, read_space
from medxpert.sweeping.study import alone, database, num_settled, open_study, recover, settle

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override

_PRUNING = "medxpert.callbacks.pruning.Pruning"


def search(settings: Search, sweep: Sweep, overrides: Sequence[Override]) -> None:
    """Run the trials that a study still lacks, as `Search` describes."""
    space = read_space(overrides)
    sweep.check(list(space.corners()))
    plot = sweep.folder / "study.png"
    values: dict[int, Mapping[str, str]] = {}
    with alone(sweep.folder, settings.study):
        study = open_study(settings, sweep.folder, space)
        recover(study, outcomes(sweep.folder, interrupted=True))
        with concluded(sweep.folder, values, [plot]):
            try:
                _run_batches(settings, sweep, space, study)
            finally:
                trials = study.get_trials(deepcopy=False)
                values.update({one.number: {key: str(value) for key, value in one.params.items()} for one in trials})
                draw_study(study, plot)


def _run_batches(settings: Search, sweep: Sweep, space: Space, study: optuna.Study) -> None:
    while (missing := settings.n_trials - num_settled(study)) > 0:
        batch = [study.ask(space.axes) for _ in range(min(missing, settings.n_jobs))]
        for trials in _runs(batch):
            jobs = [[*space.overrides(one.params), *_pruning(settings, sweep, one.number)] for one in trials]
            sweep.launch(jobs, first=trials[0].number, at_once=settings.n_jobs)
        settle(study, outcomes(sweep.folder))


def _runs(batch: Sequence[optuna.Trial]) -> Iterator[list[optuna.Trial]]:
    """Divide trials into series of consecutive numbers, since a launcher counts its jobs; nearly always one."""
    series: list[optuna.Trial] = []
    for trial in batch:
        if series and trial.number != series[-1].number + 1:
            yield series
            series = []
        series.append(trial)
    yield series


def _pruning(settings: Search, sweep: Sweep, trial: int) -> list[str]:
    """Return the overrides that let a job ask whether to go on."""
    if not settings.prune:
        return []
    storage = quote(database(settings, sweep.folder))
    pairs = {"_target_": _PRUNING, "storage": storage, "study": quote(settings.study), "trial": trial}
    return [f"{HIDDEN}{key}={value}" for key, value in pairs.items()]
