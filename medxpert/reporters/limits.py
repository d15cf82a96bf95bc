"""Bounds of the settings that reporters share, with messages that name the key to change."""

from __future__ import annotations

from urllib.parse import urlsplit

from medxpert.errors import ConfigError


def within(key: str, value: float, low: float, high: float) -> None:
    """Refuse a setting outside low..high.

    Raises:
        ConfigError: it is.
    """
    if isinstance(value, bool) or not low <= value <= high:
        raise ConfigError(f"reporter.{key}: expected {low} to {high}, found {value}; change reporter.{key}")


def checked_model(model: str) -> None:
    """Refuse what cannot be a model's id.

    Raises:
        ConfigError: it is empty, long, or holds spaces or what has a meaning in a URL.
    """
    if not model:
        raise ConfigError("reporter.model: expected the id of a model, found none; set reporter.model=")
    if len(model) > 200 or not model.isprintable() or set(model) & set(" ?#%\\") or ".." in model:
        raise ConfigError(f"reporter.model: expected the id of a model, found {model[:80]!r}; change reporter.model")


def checked_url(url: str) -> None:
    """Refuse an address that is not plain http or https; one with a user or a query may hold a secret.

    Raises:
        ConfigError: it is.
    """
    try:
        parts = urlsplit(url)
        plain = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        plain = False
    if not plain or "@" in url or "?" in url or "#" in url or not url.isprintable() or " " in url:
        raise ConfigError(
            "reporter.base_url: expected http(s)://host[:port]/path without user, key or query; change it"
        )
