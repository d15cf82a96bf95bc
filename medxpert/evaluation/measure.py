"""Everything that can be measured on one split."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from medxpert.errors import ConfigError
from medxpert.evaluation.parts.ceilings import ceilings
from medxpert.evaluation.parts.leaks import leaks
from medxpert.evaluation.parts.pools import pools
from medxpert.evaluation.parts.similar import similar_cases
from medxpert.evaluation.parts.strata import strata
from medxpert.evaluation.parts.zero_shot import zero_shot
from medxpert.evaluation.protocols.apply import apply
from medxpert.evaluation.protocols.protocol import Protocol
from medxpert.evaluation.result import SplitResult, described
from medxpert.evaluation.split import evaluate_split
from medxpert.evaluation.subject import Part, Subject


@dataclass(frozen=True)
class Options:
    """What to measure beyond the usual, and how much of it to print.

    Attributes:
        seed: of the bootstrap draws.
        probe: whether to fit a linear probe on the training embeddings.
        protocol: a published way to measure retrieval, beside our own.
        details: whether to print every table.
        reports: measures the assistant's reports on a split; None to leave them out.
        questions: measures its replies; likewise.
    """

    seed: int = 0
    probe: bool = False
    protocol: Protocol | None = None
    details: bool = False
    reports: Callable[[Subject], Part] | None = None
    questions: Callable[[Subject], Part] | None = None

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ConfigError(f"seed={self.seed} must be at least 0")


def measure(subject: Subject, seed: int = 0) -> SplitResult:
    """Measure retrieval where texts are reports, and zero-shot classification where there are prompts and labels.

    Raises:
        DataError: counts or widths differ, there is no study, or an embedding is not finite.
    """
    if subject.cases.is_reports:
        result = evaluate_split(subject, seed)
    else:
        result = SplitResult(subject, {}, {("cases", subject.split): described(subject.cases)})
    return added(result, zero_shot(subject, seed))


def measure_all(subject: Subject, options: Options) -> SplitResult:
    """Measure everything that a split allows and the options ask for.

    Raises:
        ConfigError: a probe without training studies or labels.
        DataError: as `measure`, or the protocol asks for what the split does not hold.
    """
    result, seed = measure(subject, options.seed), options.seed
    result = added(result, similar_cases(subject, seed))
    if options.probe:
        result = added(result, _probed(subject, seed))
    if result.scopes:
        ranked = result.ranked
        if options.protocol is not None:
            result = added(result, apply(subject, options.protocol, seed, ranked))
        aside = (ceilings(subject), pools(subject), strata(subject, ranked[subject.main], seed))
        result = added(result, *map(_aside, aside))
    for assistant in (options.reports, options.questions):
        if assistant is not None:
            result = added(result, assistant(subject))
    return added(result, _aside(leaks(subject)))


def _probed(subject: Subject, seed: int) -> Part:
    # scikit-learn takes two seconds and 60 MB that only probes need.
    from medxpert.evaluation.parts.probe import linear_probe

    part = linear_probe(subject, seed)
    if part is None:
        raise ConfigError(
            "probe=true needs labelled training studies; give train=DIR beside embeddings=, or leave it out"
        )
    return part


def _aside(part: Part | None) -> Part | None:
    """Mark a part's tables as those that most readers can do without."""
    return part and part._replace(blocks=tuple(block._replace(detail=True) for block in part.blocks))


def added(result: SplitResult, *parts: Part | None) -> SplitResult:
    """Return a result with more parts, those that could not be measured left out."""
    return replace(result, parts=(*result.parts, *(part for part in parts if part is not None)))
