"""Understands questions about a chest radiograph, by rules alone; what it does not understand it never guesses."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from medxpert.checker.lexicon import words_of
from medxpert.errors import ConfigError
from medxpert.exchange import Asked, Question
from medxpert.ontology import NO_FINDING, SUPPORT_DEVICES
from medxpert.questions.naming import Named, name, region
from medxpert.questions.phrases import FOREIGN, NAMED, Topic, form, is_english, known, topics
from medxpert.reporting import Severity, Side

MOST_WORDS, MOST_LETTERS = 200, 2_000
NOT_UNDERSTOOD = (
    "the question was not understood; ask whether something is there, where, how severe, how many findings there are, "
    "or what changed"
)
_NOT_AMONG = "{} is none of the 14 observations that this evidence is about"
_SEVERAL = "it holds several questions; ask them one at a time"
_TWO_PLACES = "it names two places or severities; ask about one at a time"
_WORD = re.compile(r"[^\W\d_]+(?:[-'][^\W\d_]+)*")
_WORDS_PER_SLIP = 8
"""In a long question one word in so many may be unknown."""
_SHOWN = 60
"""Letters of a question that a message repeats."""


def understand(text: str) -> Question:
    """Understand one question in English.

    Presence questions may name several observations ("any effusion or pneumothorax?") or none but the whole film
    ("is it normal?": No Finding); denials ("no effusion?") ask whether it is there. Kinds other than presence name the
    observations that they are about, or none for all. Whatever a chest radiograph cannot tell, and whatever is not
    understood, is of the kind "other" with a reason.

    Raises:
        ConfigError: it is empty, has control characters, over 200 words or 2,000 letters, or is in another language.
    """
    _check(text)
    if _several(text):
        return Question(text, "other", reason=_SEVERAL)
    named = name(text)
    reason = _outside(named)
    if reason:
        return Question(text, "other", reason=reason)
    kind, observations = _kind(named)
    if kind == "other":
        return Question(text, "other", reason=_unknown(named))
    if kind == "presence" and _is_split(named):
        return Question(text, "other", reason=_TWO_PLACES)
    asked_side, asked_severity = kind in ("side", "count", "open"), kind in ("severity", "count", "open")
    side: Side = "" if asked_side else named.side
    severity: Severity = "" if asked_severity or kind == "side" else named.severity
    return Question(text, kind, observations, side, severity)


def _check(text: str) -> None:
    if any(unicodedata.category(letter) == "Cc" and letter not in "\n\t\r" for letter in text):
        raise ConfigError("question: expected plain text, found control characters; type the question again")
    words = text.split()
    if not any(letter.isalnum() for letter in text):
        raise ConfigError(
            'question: expected a sentence, found nothing; ask, for example, "Is there a pleural effusion?"'
        )
    for most, found, what in ((MOST_WORDS, len(words), "words"), (MOST_LETTERS, len(text), "letters")):
        if found > most:
            raise ConfigError(f"question: expected at most {most:,} {what}, found {found:,}; ask one short question")
    if not _is_latin(text) or not is_english(_WORD.findall(text.lower().replace("\u2019", "'"))):
        shown = " ".join(words)[:_SHOWN]
        raise ConfigError(f'question: questions are understood in English, found "{shown}"; ask it in English')


def _is_latin(text: str) -> bool:
    letters = [letter for letter in text if letter.isalpha()]
    return sum("LATIN" in unicodedata.name(letter, "") for letter in letters) * 2 >= len(letters)


def _several(text: str) -> bool:
    """Tell whether a text asks several questions that are not all about presence."""
    parts = [part for part in re.findall(r"[^?]+\?", text) if any(letter.isalpha() for letter in part)]
    return len(parts) > 1 and any(_kind(name(part))[0] != "presence" for part in parts)


def _outside(named: Named) -> str:
    found = _first(topics("unmasked"), named.plain) or _first(topics("outside"), named.masked)
    listed = re.search(
        rf"(?:{NAMED} (?:or|and) (?:a |an )?(\w+ ?\w*)|(\w+) (?:or|and) (?:a |an )?{NAMED})", named.masked
    )
    beyond = words_of("beyond", " ".join(part or "" for part in listed.groups())) if listed else ()
    return found or (_NOT_AMONG.format(beyond[0]) if beyond else "")


def _first(group: tuple[Topic, ...], text: str) -> str:
    return next((topic.reason for topic in group if topic.pattern.search(text)), "")


def _kind(named: Named) -> tuple[Asked, tuple[str, ...]]:
    """Return the kind and what it is about; the first form that fits counts."""
    return next(_fitting(named), ("other", ()))


def _fitting(named: Named) -> Iterator[tuple[Asked, tuple[str, ...]]]:
    masked, observations = named.masked, named.observations or region(named.masked)
    if FOREIGN in masked and not named.observations:
        return
    if _says("count", masked):
        apart = _says("but for", masked) and set(named.observations) == {SUPPORT_DEVICES}
        if named.observations or _says("counted", masked):
            yield "count", () if apart else observations
        return
    sided, graded = _says("side", masked), _says("severity", masked) or _says("graded first", named.plain)
    changed = _says("change", masked) and not _says("unchanging", masked)
    if changed and not (sided or graded) and (observations or _is_known(masked)):
        yield "change", observations
    if (graded or _alternatives(named, named.severities)) and (observations or _is_vague(masked)):
        yield "severity", observations
    if (sided or _alternatives(named, named.sides)) and (observations or _is_vague(masked)):
        yield "side", observations
    if sided or graded:
        return
    yield from _present(named, observations)


def _present(named: Named, observations: tuple[str, ...]) -> Iterator[tuple[Asked, tuple[str, ...]]]:
    """Yield what is left: is something there, or what is there."""
    masked = named.masked
    if _says("described", masked) and _is_known(masked):
        yield "open", observations
    if named.observations and (_says("direct", masked) or _says("predicate", masked)):
        yield "presence", observations
    if _first(topics("context"), masked) or words_of("beyond", masked):
        return
    if named.observations and _says("open", masked):
        yield "open", observations
    if named.observations and _is_known(masked):
        yield "presence", observations
    if named.observations:
        return
    yield from _whole(masked, observations)


def _whole(masked: str, part: tuple[str, ...]) -> Iterator[tuple[Asked, tuple[str, ...]]]:
    """Yield what a question about a part of the chest, or all of it, asks."""
    vague = re.search(r"\b(?:anything|something|nothing|what|how|which)\b", masked)
    if part and not vague and (_says("healthy", masked) or _says("fault", masked)):
        yield "presence", part
    if not part and not vague and _says("normal film", masked):
        yield "presence", (NO_FINDING,)
    if _says("open", masked) and _is_known(masked):
        yield "open", part


def _says(key: str, masked: str) -> bool:
    return bool(form(key).search(masked))


def _is_vague(masked: str) -> bool:
    """Tell whether something that was found is meant, without a name: "which side is it on?"."""
    return _is_known(masked) and bool(
        re.search(r"\b(?:it|they|this|that|findings?|worse)\b", masked) or _says("fault", masked)
    )


def _is_known(masked: str) -> bool:
    words = re.findall(r"[a-z]{2,}", masked)
    return sum(word not in known() for word in words) <= len(words) // _WORDS_PER_SLIP


def _alternatives(named: Named, told: tuple[str, ...]) -> bool:
    """Tell whether a question offers several sides or severities to choose from, all about one thing."""
    return len(told) > 1 and " or " in named.masked and not _is_split(named)


def _is_split(named: Named) -> bool:
    """Tell whether two things have a side each: "a left effusion or a right pneumothorax?"."""
    parts = re.split(rf"{NAMED}\b", named.masked)
    own = [name(part) for part in parts[:-1]]
    return any(len({getattr(one, group) for one in own} - {()}) > 1 for group in ("sides", "severities"))


def _unknown(named: Named) -> str:
    beyond = words_of("beyond", named.masked)
    return _first(topics("context"), named.masked) or (_NOT_AMONG.format(beyond[0]) if beyond else NOT_UNDERSTOOD)
