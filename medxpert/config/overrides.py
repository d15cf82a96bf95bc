"""Turns what people type after a command into what the grammar of overrides accepts."""

from __future__ import annotations

import re
from collections.abc import Collection

LITERAL_KEYS = frozenset(
    {
        "query",
        "question",
        "image",
        "images",
        "prior",
        "audio",
        "output",
        "run",
        "embeddings",
        "train",
        "compare",
        "transfer",
        "resume",
    }
)
"""Keys whose values are free text or paths: taken letter by letter, never parsed, never swept over."""

_ASSIGNMENT = re.compile(r"(?P<key>[A-Za-z_][\w.-]*)=(?P<value>.*)", re.DOTALL)
_OTHER_THAN_TEXT = re.compile(r"(?<![^\s,(\[])(?:null|true|false|[+-]?\d[\w.+-]*)(?![^\s,)\]])", re.IGNORECASE)
"""A word that the grammar may not read as text."""


def rewrite(override: str, groups: Collection[str]) -> str:
    """Make one override acceptable; one that was rewritten before comes back unchanged.

    Args:
        override: `key=value` as typed. A `hydra` key and whatever carries a prefix (`+`, `++`, `~`) stay as they are;
            the choice of a group becomes a name, even `null`, so that Hydra misses it as it misses any other; all other
            keys get the prefix `++`, so that arguments which no YAML mentions can be set, and misspelt ones reach
            `check`.
        groups: names of the config groups.
    """
    match = _ASSIGNMENT.fullmatch(override)
    if match is None:
        return override
    key, value = match["key"], match["value"]
    if key.partition(".")[0] == "hydra":
        return override
    if key in groups:
        return f"{key}={_as_names(value)}"
    return f"++{key}={quote(value) if key in LITERAL_KEYS else value}"


def _as_names(value: str) -> str:
    """Quote what is no text among the choices of a group; a mapping is none of these, and stays as it is."""
    return value if value.startswith("{") else _OTHER_THAN_TEXT.sub(r"'\g<0>'", value)


def literal(text: str) -> str:
    """Take off the one pair of quotes around a whole text which the grammar would ask for."""
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text


def quote(text: str) -> str:
    r"""Quote a text so that the grammar yields exactly it: no list, no sweep, no escape, no interpolation.

    `null` stays a null. One pair of quotes around the whole text, which the grammar would ask for, is taken off.
    """
    if text == "null":
        return text
    text = literal(text)
    # The readers of overrides and of interpolations take backslashes literally except in front of these.
    text = re.sub(r"(\\*)\$\{", r"\1\1\\${", text)
    text = re.sub(r"(\\*)'", r"\1\1\\'", text)
    return "'" + re.sub(r"(\\*)$", r"\1\1", text, count=1) + "'"
