"""Builds what a checked configuration describes; beyond this door nothing sees its containers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn

from medxpert.config.settings import Settings
from medxpert.errors import ConfigError, MedXpertError

if TYPE_CHECKING:
    from omegaconf import DictConfig

_BUGS = (AssertionError, AttributeError, LookupError, NameError)
"""What no constructor raises to refuse an argument."""

_OURS = "medxpert."
_SECRET = re.compile(r"(^|_)(api_?key|key|token|secret|password)$", re.IGNORECASE)


def build(node: DictConfig | Settings | None, **arguments: Any) -> Any:
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
    if isinstance(node, Settings):
        return _built_plainly(node, arguments)
    from hydra.utils import instantiate

    try:
        if not arguments:
            return instantiate(node, _convert_="all")
        bound = instantiate(node, _convert_="all", _partial_=True)
        return partial(bound, **arguments) if node.get("_partial_", False) else bound(**arguments)
    except Exception as error:  # Other people's constructors refuse arguments with exceptions of their own.
        origin = _origin(error)
        _refuse(origin, _place(node, error))


def _built_plainly(node: Settings, arguments: Mapping[str, Any]) -> Any:
    """Build a node without Hydra where all that it builds is ours."""
    if not _is_ours(node):
        from omegaconf import OmegaConf

        return build(OmegaConf.create({node.place: node.plain()})[node.place], **arguments)
    if "_target_" not in node:
        return {key: _built_part(value) for key, value in node.items()}
    given = {key: _built_part(value) for key, value in node.items() if not key.startswith("_")}
    target = partial(_located(node["_target_"]), **given, **arguments)
    if node.get("_partial_", False):
        return target
    try:
        return target()
    except Exception as error:  # Other people's constructors refuse arguments with exceptions of their own.
        _refuse(error, node.place)


def _built_part(value: Any) -> Any:
    if isinstance(value, Settings):
        return _built_plainly(value, {})
    return [_built_part(one) for one in value] if isinstance(value, list) else value


def _is_ours(value: Any) -> bool:
    """Tell whether all targets of a node are this package's, and it asks for nothing but to be built, or partly."""
    if isinstance(value, list):
        return all(map(_is_ours, value))
    if not isinstance(value, Mapping):
        return True
    special = {key for key in value if key.startswith("_")} <= {"_target_", "_partial_"}
    return special and str(value.get("_target_", _OURS)).startswith(_OURS) and all(map(_is_ours, value.values()))


def _located(path: str) -> Any:
    """Import what a target names: a function or class of a module, or a method of a class."""
    module, _, name = path.rpartition(".")
    try:
        return getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        return getattr(_located(module), name)


def _refuse(origin: Exception, place: str) -> NoReturn:
    """Raise what a constructor raised where it is one of ours or a bug, else in one line with its place."""
    if isinstance(origin, (MedXpertError, *_BUGS)):
        raise origin from origin.__cause__
    reason = " ".join(str(origin).split()) or type(origin).__name__
    raise ConfigError(f"{place}: {reason}") from origin


def resolve(cfg: DictConfig) -> dict[str, Any]:
    """Return a configuration as plain dicts and lists, all references followed, without any secret.

    A secret is a value under a name that is or ends in `key`, `token`, `secret` or `password`, and what stands before
    the host of a URI.
    """
    from omegaconf import OmegaConf

    plain: dict[str, Any] = _without_secrets(OmegaConf.to_container(cfg, resolve=True))
    return plain


def _without_secrets(value: Any) -> Any:
    from medxpert.privacy import without_credentials  # it knows reports, which no help page needs

    if isinstance(value, dict):
        return {key: _without_secrets(child) for key, child in value.items() if not _SECRET.search(str(key))}
    if isinstance(value, list):
        return [_without_secrets(child) for child in value]
    return without_credentials(value) if isinstance(value, str) else value


def _origin(error: Exception) -> Exception:
    """Return what a constructor raised, without the wrapping of each level of nodes above it."""
    from hydra.errors import InstantiationException

    while isinstance(error, InstantiationException) and isinstance(error.__cause__, Exception):
        error = error.__cause__
    return error


def _place(node: DictConfig, error: Exception) -> str:
    """Return the key of the node whose constructor failed, which may lie below the one that is built."""
    from hydra.errors import InstantiationException

    found = re.search(r"full_key: (\S+)", str(error)) if isinstance(error, InstantiationException) else None
    return found[1] if found else str(node._get_full_key(None))
