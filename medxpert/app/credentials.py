"""What vouches for a user: the token that a server draws, a signed cookie, or the header of a proxy."""

from __future__ import annotations

import hmac
import re
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from secrets import compare_digest, token_urlsafe
from urllib.parse import quote, urlsplit

from medxpert.errors import ConfigError

FEWEST_TOKEN_LETTERS = 16
TOKEN = "token"
"""The address's key."""
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
_OWNER = re.compile(r"[0-9a-f]{32}")


def check(user_header: str | None, token: str | None) -> None:
    """Check what vouches for users.

    Raises:
        ConfigError: it could vouch for anybody.
    """
    if user_header is not None and not _HEADER.fullmatch(user_header):
        raise ConfigError(f"user_header: expected the name of a header such as X-Forwarded-User, found {user_header!r}")
    if token is not None and len(token) < FEWEST_TOKEN_LETTERS:
        raise ConfigError(
            f"token: expected at least {FEWEST_TOKEN_LETTERS} letters, found {len(token)}; "
            "give a longer one, or none to have one drawn"
        )


@cache
def drawn() -> str:
    """Return this server's token: 192 bits drawn by chance, the same whenever it is asked for."""
    return token_urlsafe(24)


@cache
def announce(drawn_counts: bool) -> None:
    """Tell the terminal, once, where the server is; with the token, where the drawn one opens it.

    A token that the operator chose is known to those who shall know it.
    """
    from streamlit import config

    scheme = "https" if config.get_option("server.sslCertFile") else "http"
    host = config.get_option("server.address") or "localhost"
    base = str(config.get_option("server.baseUrlPath")).strip("/")
    place = f"{scheme}://{host}:{config.get_option('server.port')}/{base}"
    token = f"?{TOKEN}={quote(drawn())}" if drawn_counts else ""
    sys.stderr.write(f"MedXpert: {place}{token}\n")
    sys.stderr.flush()


def equal(given: str, expected: str) -> bool:
    """Compare in a time that tells nothing about where they differ."""
    return compare_digest(given.encode("utf-8", "replace"), expected.encode("utf-8", "replace"))


def signed(owner: str, token: str) -> str:
    """Return a cookie that proves, without holding the token, that its bearer once knew it."""
    return f"{owner}.{hmac.new(token.encode(), owner.encode(), 'sha256').hexdigest()}"


def recalled(cookie: str, token: str, headers: Mapping[str, str]) -> str:
    """Return the owner that a cookie proves; "" where it proves nothing.

    Args:
        cookie: as `signed` made it.
        token: of this server.
        headers: of the request. A page of another server on this machine is of the same site, and its requests bear
            the cookie too: only pages of this server are believed.
    """
    owner = cookie.partition(".")[0]
    if not _OWNER.fullmatch(owner) or not equal(cookie, signed(owner, token)):
        return ""
    return owner if urlsplit(headers.get("Origin", "")).netloc == headers.get("Host") else ""


def only(values: Sequence[str]) -> str:
    """Return the only value of a header; "" where it was sent more than once: by the client and by the proxy."""
    return values[0] if len(values) == 1 else ""
