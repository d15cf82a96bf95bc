"""Completes follow-up questions that name no observation from the question before, in plain sight.

"Which side?" after "Is there an effusion?" is read as "Which side is the pleural effusion on?". What has no form here,
or could mean several observations, stays as it is: nothing is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

from medxpert.errors import ConfigError
from medxpert.exchange import Question
from medxpert.ontology import NO_FINDING
from medxpert.questions.asked import understand
from medxpert.questions.naming import Named, name, region
from medxpert.questions.phrases import FOREIGN, book
from medxpert.questions.wording import plain

_KINDS = {"side": "side", "severity": "severity", "change": "change", "place": "presence", "grade": "presence"}
"""Form of a follow-up question -> `Question.kind` of what it is read as."""
_WIDE = ("side", "severity", "change")
"""Kinds that "and the pneumothorax?" takes over from the question before."""


def completed(text: str, earlier: Sequence[str]) -> str:
    """Return a follow-up question in full, or as it is where it needs nothing or may mean several things.

    It is completed from the last of the earlier questions that names an observation, where that names exactly one; a
    question that names an observation and nothing else ("and the pneumothorax?") takes over what the last one asked. A
    completed question is returned only if it is understood as it is meant.

    Args:
        text: as it was typed.
        earlier: questions about the same image, the oldest first, each as it was read.
    """
    told = name(text)
    if FOREIGN in told.masked:
        return text
    if told.observations:
        return _taken_over(text, told, earlier)
    if region(told.masked) and not _form(told.plain):
        return text
    about, found = _about(earlier), _form(told.plain)
    if about is None or found is None:
        return text
    form, said = found
    return _if_understood(_written(form, about, said), text, form, about)


def _taken_over(text: str, told: Named, earlier: Sequence[str]) -> str:
    """Ask of the observation that is named what the last question asked of another."""
    last = _understood(earlier[-1]) if earlier else None
    if last is None or last.kind not in _WIDE or len(told.observations) != 1 or told.sides or told.severities:
        return text
    if not _pattern("wide").fullmatch(_flat(told.masked)):
        return text
    about = told.observations[0]
    return _if_understood(_written(last.kind, about, {}), text, last.kind, about)


def _if_understood(asked: str, text: str, form: str, about: str) -> str:
    read = _understood(asked)
    if read is None or (read.kind, read.observations) != (_KINDS[form], (about,)):
        return text
    # of what has no side, none is understood
    kept = {"place": read.side, "grade": read.severity}.get(form, form)
    return asked if kept else text


def _about(earlier: Sequence[str]) -> str | None:
    """Return the one observation that was spoken of last; None where it is several, or none."""
    for text in reversed(earlier):
        read = _understood(text)
        if read and read.observations:
            one = read.observations[0]
            return one if len(read.observations) == 1 and one != NO_FINDING else None
    return None


def _understood(text: str) -> Question | None:
    try:
        return understand(text)
    except ConfigError:
        return None


def _form(flat: str) -> tuple[str, dict[str, str]] | None:
    """Return the form that the whole of a question has, and the side or severity that it says."""
    for form, _ in _words()["forms"]:
        found = _pattern(form).fullmatch(_flat(flat))
        if found:
            return form, found.groupdict()
    return None


def _flat(text: str) -> str:
    return " ".join(re.sub(r"[^\w, ]", " ", text).strip(" ,").split())


def _written(form: str, about: str, said: dict[str, str]) -> str:
    words = dict(said)
    if "side" in words:
        words["side"] = _words()["sides"][words["side"]]
    first = next(iter(words.values()), "")
    article = "" if not first else "an " if first[0] in "aeiou" else "a "
    return str(_words()["asked"][form]).format(name=plain(about), article=article, **words)


@cache
def _pattern(key: str) -> re.Pattern[str]:
    told = dict(_words()["forms"]).get(key) or _words()[key]
    return re.compile(str(told).replace("<lead>", _words()["lead"]).replace("<it>", _words()["it"]))


def _words() -> dict[str, Any]:
    return book("following")
