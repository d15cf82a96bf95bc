"""Answers without looking: by chance, and by the question's words alone."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from medxpert.phantom.questions import AskedPhantom

CANNOT = "cannot tell"
"""Stands for the answer to a question that has none."""

Key = tuple[str, ...]


def truth_of(asked: AskedPhantom) -> str:
    """Return the right answer, `CANNOT` where there is none."""
    return asked.answer if asked.answerable else CANNOT


def chance(asked: Sequence[AskedPhantom]) -> NDArray[np.float64]:
    """Return the probability [Q] that an answer drawn from those that occur for the same words' purpose is right.

    Purpose is what is asked for of which observation; unanswerable questions have 0, since nobody guesses that.
    """
    answers: dict[Key, set[str]] = defaultdict(set)
    for one in asked:
        if one.answerable:
            answers[one.kind, one.observation].add(one.answer)
    return np.array([1 / len(answers[one.kind, one.observation]) if one.answerable else 0.0 for one in asked])


def majority(known: Iterable[AskedPhantom], answerable: bool = True) -> Callable[[AskedPhantom], str]:
    """Return the function from a question to the most frequent answer to such questions.

    Such are those of the same template and observation, else of the same template, else of the same kind.

    Args:
        known: questions with answers, of other patients.
        answerable: whether to learn answers from answerable questions only; otherwise "cannot tell" is one answer.
    """
    seen: dict[Key, Counter[str]] = defaultdict(Counter)
    for one in known:
        if one.answerable or not answerable:
            for key in _keys(one):
                seen[key][truth_of(one)] += 1
    likeliest = {key: max(sorted(counts), key=lambda one: _weight(counts, one)) for key, counts in seen.items()}

    def answer(one: AskedPhantom) -> str:
        return next((likeliest[key] for key in _keys(one) if key in likeliest), "")

    return answer


def _weight(counts: Mapping[str, int], answer: str) -> tuple[int, bool]:
    """Order answers by frequency, equal ones so that a question is rather answered."""
    return counts[answer], answer != CANNOT


def _keys(asked: AskedPhantom) -> tuple[Key, ...]:
    return (asked.template, asked.observation), (asked.template,), ("", "", asked.kind)
