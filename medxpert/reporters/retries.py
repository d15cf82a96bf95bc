"""Asks again while it may help: faults of a service, how long to wait between tries, and when to give up."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from time import sleep
from typing import TypeVar

from medxpert.errors import RemoteError

Answer = TypeVar("Answer")

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 8.0
LONGEST_WAIT_SECONDS = 60.0
"""A service that asks for a longer wait is given up at once."""
MOST_MESSAGE = 200
_KEYLIKE = re.compile(
    r"(?:\b(?:sk-|AIza|AQ\.|ya29\.)|(?i:(?:api.?key|key|token|bearer|authorization)\s*[=:\s]\s*['\"]?)(?=\S*[\d*]))\S+|\S*\*{3}\S*"
)
"""What keys look like, after their usual first letters, after a word that announces one, or half masked."""


class Failed(Exception):
    """One try that brought no draft.

    Attributes:
        what: happened.
        cure: what a person can do.
        again: how many more tries such a fault deserves.
        after_seconds: how long the service asks to wait; None where it does not say.
        status: of HTTP; 0 where there was none.
    """

    def __init__(
        self, what: str, cure: str, again: float = 0, after_seconds: float | None = None, status: int = 0
    ) -> None:
        super().__init__(what)
        self.what, self.cure, self.again = what, cure, again
        self.after_seconds, self.status = after_seconds, status


class Unreadable(Failed):
    """An answer that is not what was asked for; another may be, so one more try is worth its price."""

    def __init__(self, what: str, cure: str = "choose a model that keeps to a JSON schema (reporter.model)") -> None:
        super().__init__(what, cure, again=1)


def persist(ask: Callable[[], Answer], service: str, attempts: int) -> Answer:
    """Call until an answer comes.

    Between tries it waits as long as the service asks, else FIRST_PAUSE_SECONDS, doubled after each try up to
    LONGEST_PAUSE_SECONDS, of which a random half is left out so that many clients do not return at the same moment.

    Args:
        ask: raises `Failed` where a try brought nothing.
        service: its name, for the message.
        attempts: the most calls.

    Raises:
        RemoteError: the last try failed, another would not help, or the service asks for too long a wait.
    """
    unreadable = 0
    for attempt in range(1, attempts + 1):
        try:
            return ask()
        except Failed as failure:
            unreadable += isinstance(failure, Unreadable)
            tried = unreadable if isinstance(failure, Unreadable) else attempt
            if attempt == attempts or tried > failure.again or _too_long(failure):
                raise RemoteError(_line(service, failure, attempt)) from None
            pause = _pause(attempt) if failure.after_seconds is None else failure.after_seconds
        sleep(pause)
    raise RemoteError(f"{service}: never asked; set reporter.attempts to at least 1")


def told(text: str, secrets: tuple[str, ...] = ()) -> str:
    """Shorten a service's own words to one printable line without keys."""
    for secret in secrets:
        text = text.replace(secret, "[key]") if secret else text
    line = " ".join("".join(c if c.isprintable() else " " for c in text[:2_000]).split())
    line = _KEYLIKE.sub("[key]", line)
    return line if len(line) <= MOST_MESSAGE else line[: MOST_MESSAGE - 3] + "..."


def _too_long(failure: Failed) -> bool:
    return failure.after_seconds is not None and failure.after_seconds > LONGEST_WAIT_SECONDS


def _pause(attempt: int) -> float:
    longest = min(FIRST_PAUSE_SECONDS * 2 ** (attempt - 1), LONGEST_PAUSE_SECONDS)
    return longest * random.uniform(0.5, 1.0)


def _line(service: str, failure: Failed, attempt: int) -> str:
    tries = f" ({attempt} tries)" if attempt > 1 else ""
    if _too_long(failure):
        return f"{service}: {failure.what}{tries} and asks to wait {failure.after_seconds:.0f} s; {failure.cure}"
    return f"{service}: {failure.what}{tries}; {failure.cure}"
