"""The words of questions about the phantom: sentences, nouns, sides and grades, other ones for each look."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from medxpert.exchange import Asked
from medxpert.phantom.facts import GRADES

_FILES = {"default": "questions.json", "shift": "questions_shift.json"}
_NAMELESS = [["", ""]]


@lru_cache(maxsize=2)
def wordings(look: str) -> Mapping[str, Any]:
    """Return the sentences and nouns of the questions in one look."""
    return json.loads((Path(__file__).parent / _FILES[look]).read_text(encoding="utf-8"))


class Wording:
    """Puts questions into the words of one look; sentences and nouns take turns.

    Args:
        look: key of `look.LOOKS`.
    """

    def __init__(self, look: str) -> None:
        self._words = wordings(look)

    @property
    def reasons(self) -> Sequence[str]:
        """Why words alone show that a radiograph cannot answer."""
        return list(self._words["other"])

    def question(
        self, kind: Asked, name: str, observation: str = "", side: str = "", severity: str = "", turn: int = 0
    ) -> tuple[int, str]:
        """Return the number of the template whose turn it is, and the question; of "other", the name is a reason."""
        found = self._words["other"][name] if kind == "other" else self._words[name]
        own = self._words["severity_of"].get(observation, ()) if kind == "severity" else ()
        sentences = [*found, *own]
        again, which = divmod(turn, len(sentences))
        return which + 1, self._filled(sentences[which], observation, side, severity, again)

    def _filled(self, sentence: str, observation: str, side: str, severity: str, turn: int) -> str:
        names, sides = self._words["names"].get(observation, _NAMELESS), self._words["sides"].get(side, [""])
        noun, definite, *graded_noun = names[turn % len(names)]
        grades = self._words["grades"].get(observation, ())
        grade = grades[GRADES.index(severity)] if severity else ""
        text = sentence.format(
            a=noun,
            the=definite,
            side=side,
            sided=_with(sides[turn % len(sides)], noun),
            graded=_with(grade, *graded_noun or [noun]),
            grades=" or ".join([", ".join(grades[:-1]), *grades[-1:]]),
        )
        return text[0].upper() + text[1:]


def _with(adjective: str, noun: str) -> str:
    """Put an adjective before a noun, after its article if it has one."""
    article, _, rest = noun.partition(" ")
    if article not in ("a", "an"):
        return f"{adjective} {noun}"
    return f"{'an' if adjective[:1] in 'aeiou' else 'a'} {adjective} {rest}"
