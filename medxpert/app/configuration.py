"""The app's configuration, composed once per process: before the server starts, and not again for its first page."""

from __future__ import annotations

from functools import cache
from threading import Lock
from typing import Any

from medxpert.config.composing import composed
from medxpert.errors import ConfigError
from medxpert.privacy import checked

_composing = Lock()
_COUNTS = ("top_k", "max_megabytes", "max_megapixels")


def configuration(arguments: tuple[str, ...]) -> Any:
    """Compose and check `conf/app.yaml` with overrides as they were typed; nobody changes what is returned.

    Raises:
        ConfigError: it cannot be honoured; one line per fault.
    """
    with _composing:
        return _composed(arguments)


@cache
def _composed(arguments: tuple[str, ...]) -> Any:
    cfg = composed("app", arguments)
    checked(cfg.policy)
    faults = [f"{name}={cfg[name]}: expected 1 or more" for name in _COUNTS if cfg[name] < 1]
    if faults:
        raise ConfigError("\n".join(faults))
    return cfg
