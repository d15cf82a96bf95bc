"""How every sweep ends, whatever chose its jobs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from medxpert.errors import MedXpertError
from medxpert.run import point_latest
from medxpert.sweeping.outcomes import Outcome, best, outcomes
from medxpert.sweeping.table import Values, publish


@contextmanager
def concluded(sweep: Path, values: Values, files: Sequence[Path] = ()) -> Iterator[None]:
    """Run a sweep; at its end, which may be an interruption, list its jobs and let `latest` point at the best.

    Args:
        sweep: its folder.
        values: what is tried in each job; may grow.
        files: to be named below the table.

    Raises:
        MedXpertError: jobs failed that were not there before; its exit status is that of the first.
    """
    before = {one.number for one in outcomes(sweep)}
    try:
        yield
    except KeyboardInterrupt:
        _conclude(sweep, outcomes(sweep, interrupted=True), values, files)
        raise
    jobs = outcomes(sweep)
    _conclude(sweep, jobs, values, files)
    _refuse_failures([one for one in jobs if one.number not in before])


def _conclude(sweep: Path, jobs: Sequence[Outcome], values: Values, files: Sequence[Path]) -> None:
    if not jobs:
        return
    publish(sweep, jobs, values, files)
    winner = best(jobs)
    if winner is not None:
        point_latest(winner.folder)


def _refuse_failures(jobs: Sequence[Outcome]) -> None:
    failed = sorted((one for one in jobs if one.exit_status), key=lambda one: one.number)
    if failed:
        error = MedXpertError(f"{len(failed)} of {len(jobs)} jobs did not finish: see {failed[0].folder.parent}")
        error.exit_status = failed[0].exit_status
        raise error
