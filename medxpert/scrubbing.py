"""What a case loses before it leaves the machine: ids become aliases, whatever names people or times goes from texts.

Scrubbing is no permission: `privacy.decide` alone says what may leave. Rules find what stands beside a title, a label
or a unit; a name with nothing beside it stays, which is why scrubbed private texts never go to a public service.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from medxpert.reporting import Case, Draft, Finding, Verdict
from medxpert.words import Hit

LEAST_DIGITS = 4
"""An id of fewer digits and nothing else stays in texts: it names nobody there, and sizes look the same."""

_SPACES = dict.fromkeys([0xA0, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000], " ")
_HYPHENS = dict.fromkeys([0x2010, 0x2011, 0x2012, 0x2212], "-")
_INVISIBLE = dict.fromkeys([0xAD, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2065), 0xFEFF])
_WIDE = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
_PLAIN = {**_SPACES, **_HYPHENS, **_INVISIBLE, **_WIDE}
"""Characters that look like plain ones, or like nothing, and would hide a date or a number from the rules."""


class Scrubbed(NamedTuple):
    """A case that bears nobody's name."""

    case: Case
    aliases: Mapping[str, str]
    """Alias -> study id."""


class _Pattern(NamedTuple):
    expression: re.Pattern[str]
    mark: str
    needs: re.Pattern[str] | None
    """Without it the expression cannot match, and is quicker to look for."""


def scrubbed(case: Case, secrets: Iterable[str] = ()) -> Scrubbed:
    """Rename the cases to "case-1" and so on by rank, drop patients, and scrub every text of a case.

    Pixels, rows and labels stay.

    Args:
        case: with study ids that differ.
        secrets: further strings that no text may hold, such as the name of the query's file; the case's own study and
            patient ids are among them anyway.
    """
    names = {hit.study_id: f"case-{number}" for number, hit in enumerate(case.hits, start=1)}
    clean = _cleaner({*secrets, *names, *(hit.patient_id for hit in case.hits)})
    bare = replace(
        case,
        verdicts=tuple(_renamed(verdict, names) for verdict in case.verdicts),
        hits=[_nameless(hit, names, clean) for hit in case.hits],
        technique=clean(case.technique),
        query=clean(case.query),
        caption=clean(case.caption),
    )
    return Scrubbed(bare, {alias: name for name, alias in names.items()})


def restored(draft: Draft, aliases: Mapping[str, str]) -> Draft:
    """Put the study ids back into a draft that was written about a scrubbed case; unknown names stay as they are."""
    named = renaming(aliases)
    return replace(
        draft,
        findings=tuple(_restored(finding, aliases, named) for finding in draft.findings),
        impression=tuple(map(named, draft.impression)),
    )


def renaming(aliases: Mapping[str, str]) -> Callable[[str], str]:
    """Return what puts study ids in the place of aliases in a text."""
    if not aliases:
        return str
    expression = re.compile(_any_of(aliases), re.IGNORECASE)
    return lambda text: expression.sub(lambda found: aliases[found[0].lower()], text)


def scrub(text: str, secrets: Iterable[str] = ()) -> str:
    """Replace whatever may name a person, a place, a time or a record by [name], [date], [id] and the like.

    The rules are in scrubbing.json. They cover the identifiers of the HIPAA safe harbor (45 CFR 164.514(b)(2)) as far
    as these show in a text, years and times of day too. Sizes, vertebrae, views and `___` stay.

    Args:
        text: English prose.
        secrets: further strings that must not stay, such as the ids of the studies it comes from.
    """
    return _cleaner(secrets)(text)


def _cleaner(secrets: Iterable[str]) -> Callable[[str], str]:
    known = {part for secret in secrets for part in _parts(secret) if _tells(part)}
    own = re.compile(_any_of(known), re.IGNORECASE) if known else None

    def clean(text: str) -> str:
        text = text.translate(_PLAIN)
        if own is not None:
            text = own.sub("[id]", text)
        for pattern in _patterns():
            if pattern.needs is None or pattern.needs.search(text):
                text = pattern.expression.sub(pattern.mark, text)
        return text

    return clean


def _parts(secret: str) -> tuple[str, ...]:
    """Return an id and, where it is a path, the file's name with and without its suffix."""
    path = PurePosixPath(secret.strip().replace("\\", "/"))
    return secret.strip(), path.name, path.stem


def _tells(secret: str) -> bool:
    return len(secret) >= (LEAST_DIGITS if secret.isdigit() else 2)


def _any_of(strings: Iterable[str]) -> str:
    """Match any of some strings where it does not stand inside a longer word; the longest first."""
    longest_first = sorted(strings, key=len, reverse=True)
    return rf"(?<![A-Za-z0-9])(?:{'|'.join(map(re.escape, longest_first))})(?![A-Za-z0-9])"


@cache
def _patterns() -> Sequence[_Pattern]:
    book = json.loads(files("medxpert").joinpath("scrubbing.json").read_text("utf-8"))
    words = {"grammar": _one_of(book["grammar"]), "stop": _one_of(book["grammar"] + book["clinical"])}
    for name, expression in book["words"].items():
        words[name] = _expanded(expression, words)
    return [_pattern(row, words) for row in book["patterns"]]


def _pattern(row: Mapping[str, Any], words: Mapping[str, str]) -> _Pattern:
    expression = re.compile(_expanded(row["expression"], words), 0 if row.get("case") else re.IGNORECASE)
    needs = re.compile(_expanded(row["needs"], words), re.IGNORECASE) if "needs" in row else None
    return _Pattern(expression, row["mark"], needs)


def _one_of(words: Iterable[str]) -> str:
    return f"(?:{'|'.join(words)})"


def _expanded(expression: str, words: Mapping[str, str]) -> str:
    """Put words in the place of their names, such as <month>."""
    return re.sub(r"<([a-z_]+)>", lambda found: words[found[1]], expression)


def _renamed(verdict: Verdict, names: Mapping[str, str]) -> Verdict:
    return replace(verdict, cases=tuple(names[name] for name in verdict.cases if name in names))


def _nameless(hit: Hit, names: Mapping[str, str], clean: Callable[[str], str]) -> Hit:
    return replace(hit, study_id=names[hit.study_id], patient_id="", text=clean(hit.text))


def _restored(finding: Finding, aliases: Mapping[str, str], named: Callable[[str], str]) -> Finding:
    evidence = tuple(aliases.get(name.strip().lower(), name) for name in finding.evidence)
    return replace(finding, evidence=evidence, sentence=named(finding.sentence))
