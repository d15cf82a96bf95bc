"""What became of the jobs of a sweep, read from their folders: the jobs may have run anywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from medxpert.config.jobs import JOB, Status, read_record
from medxpert.errors import DataError
from medxpert.folders import read_json
from medxpert.run import PROVENANCE
from medxpert.words import POLICIES, Policy

METRICS = "metrics.json"
_DIRECTIONS = ("image_to_text", "text_to_image")
_UNKNOWN = POLICIES[-1]
_DIED = "its process ended without a word (killed? out of memory?)"


class Outcome(NamedTuple):
    """One job.

    Attributes:
        number: within its sweep.
        folder: of the run.
        status: never `running`.
        reason: why it did not finish.
        exit_status: 0 of a job that finished or was pruned.
        recall: of a finished job, k -> its validation Recall@k of the adapted weights, mean of both directions.
        policy: of its data.
        label_f1: of a finished captioner: micro F1 of what its validation captions say.
    """

    number: int
    folder: Path
    status: Status
    reason: str = ""
    exit_status: int = 0
    recall: Mapping[int, float] = {}
    policy: Policy = POLICIES[0]
    label_f1: float | None = None

    @property
    def objective(self) -> float | None:
        """What a sweep maximises: validation Recall@10, or a captioner's label F1; None where there is neither."""
        return self.recall.get(10, self.label_f1)

    @property
    def place(self) -> tuple[bool, float, int]:
        """Sorts the finished before all others, the best first, and those without figures behind these."""
        score = self.objective
        return self.status != "finished", 1.0 if score is None else -score, self.number


def outcomes(sweep: Path, interrupted: bool = False) -> list[Outcome]:
    """Return the jobs that left a record anywhere below a sweep's folder, best first, then by number.

    Args:
        sweep: folder.
        interrupted: whether a job that seems to run was stopped with the sweep; else its process has died.
    """
    found = [_outcome(path.parent, interrupted) for path in sweep.rglob(JOB)]
    return sorted(found, key=lambda one: one.place)


def best(jobs: Sequence[Outcome]) -> Outcome | None:
    """Return the best finished job."""
    finished = [one for one in jobs if one.status == "finished"]
    return min(finished, key=lambda one: one.place, default=None)


def _outcome(folder: Path, interrupted: bool) -> Outcome:
    record = read_record(folder)
    if (folder / PROVENANCE).is_file():  # A run that was interrupted may have been resumed since.
        return _finished(record.number, folder)
    if record.status != "running":
        return Outcome(record.number, folder, record.status, record.reason, record.exit_status, policy=_UNKNOWN)
    if interrupted:
        return Outcome(record.number, folder, "interrupted", exit_status=130, policy=_UNKNOWN)
    return Outcome(record.number, folder, "failed", _DIED, 1, policy=_UNKNOWN)


def _finished(number: int, folder: Path) -> Outcome:
    recall: dict[int, float] = {}
    policy, label_f1 = _UNKNOWN, None
    with suppress(DataError, KeyError, TypeError):
        metrics = read_json(folder / METRICS)
        policy = metrics["policy"]
        if "captions" in metrics:
            label_f1 = metrics["captions"]["val"]["agreement"]["captioner"]["f1"]["value"]
        scores = [metrics["adapted"]["val"][direction]["identity"] for direction in _DIRECTIONS]
        for k in (1, 10):  # a pool of ten or fewer has no Recall@10
            recall[k] = sum(one[f"recall@{k}"]["value"] for one in scores) / len(scores)
    return Outcome(number, folder, "finished", recall=recall, policy=policy, label_f1=label_f1)
