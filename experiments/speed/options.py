"""What the command lines of measure.py and of smaller scripts may say."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().with_name("results.json")


class Refused(Exception):
    """The command line cannot be honoured."""


@dataclass(frozen=True)
class Options:
    """What the command line may say."""

    only: tuple[str, ...] = ()
    resume: bool = False
    quick: bool = False
    output: str = ""
    threads: int = 0
    timeout: int = 600
    strict: bool = False
    readme: bool = False
    reports: str = ""

    @property
    def target(self) -> Path | None:
        """The file of the rows; a trial has none of its own."""
        if self.output:
            return Path(self.output)
        return None if self.quick else RESULTS

    @classmethod
    def of(cls, words: Sequence[str]) -> Options:
        """Read words such as quick=true.

        Raises:
            Refused: a word is not known or has no such value.
        """
        kinds = {one.name: type(one.default) for one in fields(cls)}
        given = {}
        for word in words:
            key, equals, value = word.partition("=")
            if not equals or key not in kinds:
                raise Refused(f"expected one of {'= '.join(kinds)}=, found {word!r}; see --help")
            given[key] = _value(key, value, kinds[key])
        return cls(**given)


def quick_or_nothing(words: Sequence[str]) -> bool:
    """Return whether a trial is asked for; end the process with status 2 where something else is."""
    if words and list(words) != ["quick=true"]:
        sys.stderr.write(f"expected quick=true or nothing, found {' '.join(words)}\n")
        raise SystemExit(2)
    return bool(words)


def _value(key: str, value: str, kind: type) -> Any:
    if kind is bool and value in ("true", "false"):
        return value == "true"
    if kind is int and value.isdecimal() and int(value) > 0:
        return int(value)
    if kind is tuple:
        return tuple(value.split(","))
    if kind is str and (key != "reports" or Path(value).is_file()):
        return value
    if kind is str:
        raise Refused(f"reports={value}: no such file")
    raise Refused(f"{key}= takes {'true or false' if kind is bool else 'a number above 0'}, found {value!r}")
