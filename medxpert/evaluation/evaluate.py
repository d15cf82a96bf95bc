"""The three things that can be evaluated: a run, the embeddings of any model, several of either against each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from medxpert.errors import ConfigError
from medxpert.evaluation.foreign.folder import open_embeddings
from medxpert.evaluation.measure import Options, added, measure, measure_all
from medxpert.evaluation.parts.comparison import compare_runs
from medxpert.evaluation.publish import Publication, prepare
from medxpert.evaluation.record import COUNTED, METRICS, TEST, count_look
from medxpert.evaluation.result import SplitResult
from medxpert.evaluation.source import open_split, with_baselines
from medxpert.evaluation.subject import Part, Subject
from medxpert.privacy import strictest
from medxpert.provenance import environment
from medxpert.run import Run, open_run
from medxpert.tables.blocks import Tables
from medxpert.tables.console import show
from medxpert.tables.formats import write_tables
from medxpert.words import SHIFTED, Policy, Stage

_COMPARISON = "comparison"


class _Contender(NamedTuple):
    """One of several that are compared."""

    name: str
    folder: Path
    """Absolute."""
    subject: Subject
    policy: Policy
    is_run: bool
    remarks: tuple[str, ...] = ()


def measure_run(run: Run, split: str, starting: Stage, seed: int = 0) -> SplitResult:
    """Measure retrieval and zero-shot classification on one split of a run, which need not be complete.

    Args and Raises as `open_split`; `seed` is that of the bootstrap draws.
    """
    return measure(with_baselines(open_split(run, split, starting)), seed)


def evaluate_run(
    run: Run,
    split: str,
    options: Options | None = None,
    extra: Sequence[Callable[[], Part]] = (),
    output: Path | None = None,
) -> SplitResult:
    """Measure a complete run on one split, print the tables and write everything.

    The shifted split, where the run has one, stands beside `test` in every table. Looks at either are counted in the
    run's own metrics.json.

    Args:
        run: with provenance.
        split: one that both the starting and the adapted weights embedded.
        options: what else to measure.
        extra: measure more parts.
        output: folder for what is written, the run's own by default.

    Raises:
        ConfigError: the split was not embedded, a probe lacks training studies, or a file cannot be written.
        DataError: the run or a metrics.json is damaged.
    """
    options = options or Options()
    wanted = [split, SHIFTED] if split == TEST and SHIFTED in run.splits() else [split]
    starting = run.provenance["starting_stage"]
    subjects = [open_split(run, name, starting) for name in wanted]
    _check_probe(subjects[0], options)
    for folder in {output or run.path, *([run.path] if split in COUNTED else [])}:
        prepare(folder)
    parts = [part() for part in extra]
    result, *shifted = (measure_all(with_baselines(subject), options) for subject in subjects)
    result = added(result, *parts)
    policies = [run.policy, *map(_policy, subjects), *(part.policy for part in parts if part.policy)]
    provenance = run.provenance | {"policy": strictest(policies)}
    Publication(output or run.path, provenance, run.path, options.details).write(result, *shifted)
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
        ConfigError: there is no such folder, it belongs to a run and there is no `output`, a probe lacks training
            studies, or a file cannot be written.
        DataError: a file is missing, broken, or does not fit the others.
    """
    options = options or Options()
    subject, remarks = open_embeddings(folder, split, train)
    _check_probe(subject, options)
    prepare(output or folder)
    result = measure_all(with_baselines(subject), options)
    provenance = {"policy": _policy(subject), "embeddings": str(folder), **environment()}
    Publication(output or folder, provenance, None, options.details, remarks).write(result)
    return result


class Comparison(NamedTuple):
    """Several models on one split.

    Attributes:
        part: its figures.
        tables: as they are shown.
        policy: the strictest of all models and studies.
        told: how often the split was looked at with each run, where looks are counted.
    """

    part: Part
    tables: Tables
    policy: Policy
    told: tuple[str, ...]


def compared(
    names: Sequence[str], split: str, options: Options | None = None, output: Path | None = None
) -> Comparison:
    """Compare runs or embeddings on one split; looks at test are counted in each run.

    Args:
        names: of runs, or folders of embeddings.
        split: that all of them hold.
        options: whose seed is that of the draws.
        output: folder that the tables will be written to.

    Raises:
        ConfigError: fewer than two, one twice, one that does not exist, or a file cannot be written.
        DataError: they do not hold the same studies.
    """
    contenders = [_contender(name, split) for name in names]
    _check_different(contenders)
    looked = [one for one in contenders if one.is_run and split in COUNTED]
    for folder in [one.folder for one in looked] + ([output] if output else []):
        prepare(folder)
    part = compare_runs([(one.name, one.subject) for one in contenders], (options or Options()).seed)
    policy = strictest(one.policy for one in contenders)
    notes = tuple(f"{one.name}: {remark}" for one in contenders for remark in one.remarks)
    told = tuple(
        f"Look {count_look(one.folder / METRICS, split, one.policy)} at {split} with {one.name}; choose on val."
        for one in looked
    )
    return Comparison(part, Tables(f"{split} · {len(names)} models compared", notes, part.blocks), policy, told)


def compare(names: Sequence[str], split: str, options: Options | None = None, output: Path | None = None) -> Part:
    """Compare as `compared` does, print the tables and, where `output` says, write them."""
    found = compared(names, split, options, output)
    paths = write_tables(output, f"{_COMPARISON}_{split}", found.tables, found.policy) if output else []
    show(found.tables, found.policy, [*found.told, *map(str, paths)])
    return found.part


def _contender(name: str, split: str) -> _Contender:
    """Open a run, or else a folder of embeddings."""
    if (Path(name) / "image.npy").is_file():
        subject, remarks = open_embeddings(Path(name), split)
        return _Contender(name, Path(name).resolve(), subject, _policy(subject), False, remarks)
    run = open_run(name)
    subject = open_split(run, split, run.provenance["starting_stage"])
    return _Contender(name, run.path, subject, strictest((run.policy, _policy(subject))), True)


def _check_different(contenders: Sequence[_Contender]) -> None:
    names: dict[Path, str] = {}
    for one in contenders:
        other = names.setdefault(one.folder, one.name)
        if other is not one.name:
            raise ConfigError(f"compare={other},{one.name}: both are {one.folder}; name two different ones")


def _check_probe(subject: Subject, options: Options) -> None:
    if options.probe and subject.train is None:
        raise ConfigError("probe=true needs training studies; give train=DIR beside embeddings=, or leave it out")


def _policy(subject: Subject) -> Policy:
    """Return the strictest policy of the studies and of those that the model was trained on."""
    known = [subject.cases] + ([subject.train.cases] if subject.train else [])
    return strictest(policy for cases in known for policy in set(cases.column("policy")))
