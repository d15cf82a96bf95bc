"""Builds what a checked configuration describes; beyond this door nothing sees its containers."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from medxpert.errors import ConfigError, MedXpertError
from medxpert.privacy import without_credentials

_BUGS = (AssertionError, AttributeError, LookupError, NameError)
"""What no constructor raises to refuse an argument."""

_SECRET = re.compile(r"(^|_)(api_?key|key|token|secret|password)$", re.IGNORECASE)


def build(node: DictConfig | None, **arguments: Any) -> Any:
    """Build a node: the object of its `_target_`, or a dict of objects from a mapping of such nodes.

    Args:
        node: part of a checked configuration; null builds None.
        arguments: what the program adds to the node's own arguments, handed over as it is. Only for a node with
            `_target_`; one with `_partial_: true` becomes a callable that has them bound.

    Raises:
        ConfigError: a constructor refused its arguments; the message starts with the node's place.
        MedXpertError: whatever of ours a constructor raised, unchanged.
    """
    if node is None:
        return None
    try:
        if not arguments:
            return instantiate(node, _convert_="all")
        bound = instantiate(node, _convert_="all", _partial_=True)
        return partial(bound, **arguments) if node.get("_partial_", False) else bound(**arguments)
    except Exception as error:  # Other people's constructors refuse arguments with exceptions of their own.
        origin = _origin(error)
        if isinstance(origin, (MedXpertError, *_BUGS)):
            raise origin from origin.__cause__
        reason = " ".join(str(origin).split()) or type(origin).__name__
        raise ConfigError(f"{_place(node, error)}: {reason}") from origin


def resolve(cfg: DictConfig) -> dict[str, Any]:
    """Return a configuration as plain dicts and lists, all references followed, without any secret.

    A secret is a value under a name that is or ends in `key`, `token`, `secret` or `password`, and what stands before
    the host of a URI.
    """
    plain: dict[str, Any] = _without_secrets(OmegaConf.to_container(cfg, resolve=True))
    return plain


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_secrets(child) for key, child in value.items() if not _SECRET.search(str(key))}
    if isinstance(value, list):
        return [_without_secrets(child) for child in value]
    return without_credentials(value) if isinstance(value, str) else value


def _origin(error: Exception) -> Exception:
    """Return what a constructor raised, without the wrapping of each level of nodes above it."""
    while isinstance(error, InstantiationException) and isinstance(error.__cause__, Exception):
        error = error.__cause__
    return error


def _place(node: DictConfig, error: Exception) -> str:
    """Return the key of the node whose constructor failed, which may lie below the one that is built."""
    found = re.search(r"full_key: (\S+)", str(error)) if isinstance(error, InstantiationException) else None
    return found[1] if found else str(node._get_full_key(None))
