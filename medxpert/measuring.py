"""The chain of evaluate.py: open what is to be measured, measure it, show and write the figures."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from omegaconf import DictConfig

from medxpert.config.build import build
from medxpert.drafting import Drafting
from medxpert.errors import ConfigError, RemoteError
from medxpert.evaluation.evaluate import Options, compare, evaluate_embeddings, evaluate_run
from medxpert.evaluation.record import TABLES
from medxpert.evaluation.result import SplitResult
from medxpert.evaluation.subject import Part, Subject
from medxpert.gating import Gate
from medxpert.run import Run, open_run

_ALONE = {
    "embeddings": ("transfer", "compare", "reports", "questions"),
    "compare": ("probe", "protocol", "transfer", "train", "reports", "questions"),
}
"""What cannot be asked for together."""


def measure(cfg: DictConfig) -> None:
    """Measure the configured run, embeddings or comparison.

    Raises:
        ConfigError: options that cannot be honoured together.
        RemoteError: the reporter that was to be measured did not write every report.
    """
    _check(cfg)
    output = Path(cfg.output) if cfg.output else None
    asked = _reports(cfg), _questions(cfg, output)
    options = Options(cfg.seed, cfg.probe, build(cfg.get("protocol")), cfg.details, *asked)
    if cfg.compare:
        compare(_names(cfg.compare), cfg.split, options, output)
    elif cfg.embeddings:
        evaluate_embeddings(Path(cfg.embeddings), cfg.train and Path(cfg.train), cfg.split, options, output)
    else:
        run = open_run(cfg.run)
        _check_written(evaluate_run(run, cfg.split, options, _extra(run, cfg), output))


def _check_written(result: SplitResult) -> None:
    reports = result.part("reports")
    if reports and reports["fallbacks"]:
        told = f"{reports['fallbacks']} of {len(result.cases)} reports were written by the template"
        raise RemoteError(f"{told}: {reports['fallback_reason']}")


def _check(cfg: DictConfig) -> None:
    for name, others in _ALONE.items():
        for other in others:
            if cfg[name] and cfg.get(other):
                raise ConfigError(f"{name}= and {other}= cannot go together; leave one of them out")
    if not re.fullmatch(r"[A-Za-z0-9_-]+", str(cfg.split or "")):
        raise ConfigError(f"split={cfg.split!r}: expected a name of letters, digits, _ and -, such as val or test")
    if cfg.train and not cfg.embeddings:
        raise ConfigError("train= belongs to embeddings=; a run brings its own training studies")


def _reports(cfg: DictConfig) -> Callable[[Subject], Part] | None:
    if not cfg.reports:
        return None
    # its word counts and gates take a second that nothing else needs
    from medxpert.evaluation.reports.part import reports_of

    drafting = Drafting(Gate(build(cfg.reporter)))
    if drafting.gate.dry_run:
        raise ConfigError("reporter.dry_run=true writes no reports to measure; leave it out, or look at one: infer.py")
    return partial(reports_of, open_run(cfg.run), drafting, build(cfg.rule), cfg.seed)


def _questions(cfg: DictConfig, output: Path | None) -> Callable[[Subject], Part] | None:
    if not cfg.get("questions"):
        return None
    # what reads questions takes a second that nothing else needs
    from medxpert.evaluation.questions.part import check_askable, questions_of

    run = open_run(cfg.run)
    check_askable(run, cfg.split)
    return partial(questions_of, run, build(cfg.rule), (output or run.path) / TABLES, cfg.seed)


def _extra(run: Run, cfg: DictConfig) -> list[Callable[[], Part]]:
    if not cfg.transfer:
        return []
    # It probes, and scikit-learn takes two seconds that nothing else needs.
    from medxpert.evaluation.parts.transfer import transfer

    return [partial(transfer, run, cfg.transfer, cfg.seed)]


def _names(given: str) -> Sequence[str]:
    return [name.strip() for name in given.strip("[]").split(",") if name.strip()]
