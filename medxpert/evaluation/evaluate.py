"""The three things that can be evaluated: a run, the embeddings of any model, several of either against each other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from medxpert.evaluation.foreign.folder import open_embeddings
from medxpert.evaluation.measure import Options, added, measure, measure_all
from medxpert.evaluation.parts.comparison import compare_runs
from medxpert.evaluation.publish import TEST, Publication
from medxpert.evaluation.result import SplitResult
from medxpert.evaluation.source import open_split, with_baselines
from medxpert.evaluation.subject import Part, Subject
from medxpert.evaluation.tables.blocks import Tables
from medxpert.evaluation.tables.console import show
from medxpert.evaluation.tables.formats import write_tables
from medxpert.privacy import strictest
from medxpert.provenance import environment
from medxpert.run import Run, open_run
from medxpert.words import SHIFTED, Policy, Stage

_COMPARISON = "comparison"


def measure_run(run: Run, split: str, starting: Stage, seed: int = 0) -> SplitResult:
    """Measure retrieval and zero-shot classification on one split of a run, which need not be complete.

    Args and Raises as `open_split`; `seed` is that of the bootstrap draws.
    """
    return measure(with_baselines(open_split(run, split, starting)), seed)


def evaluate_run(
    run: Run, split: str, options: Options | None = None, extra: Sequence[Part] = (), output: Path | None = None
) -> SplitResult:
    """Measure a complete run on one split, print the tables and write everything.

    The shifted split, where the run has one, stands beside `test` in every table.

    Args:
        run: with provenance.
        split: one that both the starting and the adapted weights embedded.
        options: what else to measure.
        extra: parts that were measured elsewhere.
        output: folder for what is written, the run's own by default.

    Raises:
        ConfigError: the split was not embedded, or a file cannot be written.
        DataError: the run is damaged.
    """
    options = options or Options()
    wanted = [split, SHIFTED] if split == TEST and SHIFTED in run.splits() else [split]
    starting = run.provenance["starting_stage"]
    result, *shifted = (measure_all(with_baselines(open_split(run, name, starting)), options) for name in wanted)
    result = added(result, *extra)
    Publication(output or run.path, run.provenance, options.details).write(result, *shifted)
    return result


def evaluate_embeddings(
    folder: Path, train: Path | None, split: str, options: Options | None = None, output: Path | None = None
) -> SplitResult:
    """Measure embeddings that were made elsewhere, print the tables and write everything.

    Args:
        folder: as `open_embeddings` reads it.
        train: the same of the studies that the model was trained on.
        split: what to call it.
        options: what else to measure.
        output: folder for what is written, the embeddings' own by default.

    Raises:
        ConfigError: there is no such folder, or a file cannot be written.
        DataError: a file is missing, broken, or does not fit the others.
    """
    options = options or Options()
    subject, remarks = open_embeddings(folder, split, train)
    result = measure_all(with_baselines(subject), options)
    provenance = {"policy": _policy(subject), "embeddings": str(folder), **environment()}
    Publication(output or folder, provenance, options.details, remarks).write(result)
    return result


def compare(names: Sequence[str], split: str, options: Options | None = None, output: Path | None = None) -> Part:
    """Compare runs or embeddings on one split, print the tables and, where `output` says, write them.

    Raises:
        ConfigError: fewer than two, one twice, or one that does not exist.
        DataError: they do not hold the same studies.
    """
    options = options or Options()
    subjects = [(name, _subject(name, split)) for name in names]
    part = compare_runs(subjects, options.seed)
    policy = strictest(_policy(subject) for _, subject in subjects)
    found = Tables(f"{split} · {len(names)} models compared", (), part.blocks)
    paths = write_tables(output, f"{_COMPARISON}_{split}", found, policy) if output else []
    show(found, policy, [str(path) for path in paths])
    return part


def _subject(name: str, split: str) -> Subject:
    """Open a run, or else a folder of embeddings."""
    if (Path(name) / "image.npy").is_file():
        return open_embeddings(Path(name), split).subject
    run = open_run(name)
    return open_split(run, split, run.provenance["starting_stage"])


def _policy(subject: Subject) -> Policy:
    return strictest(set(subject.cases.column("policy")))
