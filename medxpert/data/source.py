"""What every source of studies offers beside its own arguments: leaks, priors, labels from texts, a limit."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, Literal

from medxpert import text as reports
from medxpert.errors import ConfigError
from medxpert.labeler import label_report
from medxpert.words import Rejected, Study

OnLeak = Literal["fail", "drop_train", "keep"]
"""What is done about a patient or an image in two splits."""

Items = Iterable[Study | Rejected]


def source(read: Callable[..., Items]) -> Callable[..., Items]:
    """Let a reader take arguments that all readers share.

    Args:
        read: takes a split, and its own arguments by name; refuses wrong ones when called, not when iterated.

    Returns:
        The reader, which also takes

        - on_leak: "fail", "drop_train" or "keep" for patients and for images that stand in two splits; None fails for
          patients and drops training studies with identical images. The reader does not see it: only who has all
          splits can act on it (`on_leak_of`).
        - remove_priors: take references to earlier studies out of the reports (`text.without_priors`).
        - label_texts: label reports by rules (`labeler`) where the source has no labels.
        - limit: no more than this many studies of a split.
    """

    @functools.wraps(read)
    def reading(
        *args: Any,
        on_leak: OnLeak | None = None,
        remove_priors: bool = False,
        label_texts: bool = True,
        limit: int | None = None,
        **kwargs: Any,
    ) -> Iterator[Study | Rejected]:
        if limit is not None and limit < 1:
            raise ConfigError(f"data.limit={limit} must be at least 1; leave it out to read everything")
        items = _refined(read(*args, **kwargs), remove_priors, label_texts)
        return items if limit is None else _limited(items, limit)

    signature = inspect.signature(read)
    split, *own = signature.parameters.values()
    shared = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        for name, kind, default in (
            ("on_leak", OnLeak | None, None),
            ("remove_priors", bool, False),
            ("label_texts", bool, True),
            ("limit", int | None, None),
        )
    ]
    reading.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[split.replace(kind=inspect.Parameter.POSITIONAL_ONLY), *own, *shared]
    )
    return reading


def on_leak_of(reader: Any) -> OnLeak | None:
    """Return what a reader with bound arguments was told to do about leaks; None where it was told nothing."""
    told: OnLeak | None = getattr(reader, "keywords", {}).get("on_leak")
    return told


def _refined(items: Items, remove_priors: bool, label_texts: bool) -> Iterator[Study | Rejected]:
    for item in items:
        yield _study(item, remove_priors, label_texts) if isinstance(item, Study) else item


def _study(study: Study, remove_priors: bool, label_texts: bool) -> Study:
    if study.text_kind == "prompt":
        return study
    if remove_priors:
        study = replace(
            study, findings=reports.without_priors(study.findings), impression=reports.without_priors(study.impression)
        )
    if label_texts and not study.labels:
        found = label_report(f"{study.findings}\n{study.impression}")
        study = replace(study, labels={name: value for name, value in found.items() if value is not None})
    return study


def _limited(items: Iterator[Study | Rejected], limit: int) -> Iterator[Study | Rejected]:
    """Yield the first studies, and what was rejected before the last of them."""
    studies = 0
    for item in items:
        if studies == limit:
            return
        studies += isinstance(item, Study)
        yield item
