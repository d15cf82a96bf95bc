"""What a service's refusal means: whether another try may help, how long to wait, and what a person can do."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from time import time
from typing import Any

from medxpert.reporters.retries import Failed, told

_WRONG_KEY = re.compile(r"API_KEY_INVALID|API key (?:not valid|expired)|invalid.api.key", re.IGNORECASE)
_SPENT = "insufficient_quota"
"""Nothing is left of a paid account: waiting does not help."""


def refusal(
    status: int, headers: Mapping[str, str], content: bytes, key_name: str, secrets: tuple[str, ...] = ()
) -> Failed:
    """Say what an answer other than 2xx means.

    Args:
        status: of HTTP.
        headers: looked up without regard to case, as HTTP libraries give them.
        content: of the answer.
        key_name: the environment variable of the key.
        secrets: what the message must not hold.
    """
    body = content.decode("utf-8", "replace")
    if 300 <= status < 400:
        return Failed(f"sends on to another address ({status}), which is not followed", "check reporter.base_url", 0)
    if status in (401, 403) or (status == 400 and _WRONG_KEY.search(body)):
        return Failed(f"refused the key ({status})", f"check {key_name} and what it may do", status=status)
    if status == 404:
        return Failed("knows no such model or address (404)", "check reporter.model and reporter.base_url", status=404)
    reason = told(_message(body), secrets)
    said = f"{status}: {reason}" if reason else str(status)
    if status == 429:
        return _quota(said, body, headers)
    if status in (408, 425) or status >= 500:
        after = _after(headers, body)
        return Failed(f"is out of order ({said})", "try again later", float("inf"), after, status)
    return Failed(
        f"refused the request ({said})", "check reporter.model and the reporter's other settings", status=status
    )


def _quota(said: str, body: str, headers: Mapping[str, str]) -> Failed:
    again = 0 if _SPENT in body else float("inf")
    cure = "wait, or raise the quota of your account"
    return Failed(f"refuses more requests ({said})", cure, again, _after(headers, body), 429)


def _after(headers: Mapping[str, str], body: str) -> float | None:
    """Read the wait in seconds from Retry-After, a number or a date (RFC 9110), or from Google's RetryInfo."""
    text = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", text):
        return float(text)
    if text:
        try:
            return max(0.0, parsedate_to_datetime(text).timestamp() - time())
        except (ValueError, OverflowError):
            return None
    found = re.search(r'"retryDelay"\s*:\s*"(\d{1,9}(?:\.\d+)?)s"', body)
    return float(found.group(1)) if found else None


def _message(body: str) -> str:
    """Return the service's own words where it gave them as JSON; never a page of HTML."""
    try:
        answer: Any = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    answer = answer[0] if isinstance(answer, list) and answer else answer
    error = answer.get("error", answer) if isinstance(answer, Mapping) else ""
    found = error.get("message", "") if isinstance(error, Mapping) else error
    return found if isinstance(found, str) else ""
