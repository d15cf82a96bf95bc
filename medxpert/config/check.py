"""Compares a composed configuration with the constructors it targets, before anything is built."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from types import SimpleNamespace
from typing import Any, get_type_hints

from hydra.utils import get_object
from omegaconf import DictConfig, ListConfig
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from medxpert.config.schema import Schema
from medxpert.config.values import describe, fits, show
from medxpert.errors import ConfigError, MedXpertError

UNKNOWN = object()
"""Stands for a value that is missing or refers to nothing; it has been reported and fits everywhere."""


def check(cfg: DictConfig, schema: Schema) -> None:
    """Refuse a configuration that cannot be built, naming everything that is wrong with it.

    A node whose remaining arguments come from the program says so with `_partial_: true`; all others need every
    argument that has no default.

    Args:
        cfg: the composed configuration of one command.
        schema: what may stand at its root.

    Raises:
        ConfigError: one line per fault: unknown keys and arguments, required ones that are absent, values that do
            not fit their annotations, `???`, interpolations that refer to nothing, targets that cannot be imported.
    """
    faults: list[str] = []
    values = _plain(cfg, "", faults)
    known = schema.values | schema.groups
    faults += [f"{key}: unknown key{_did_you_mean(key, known)}" for key in values if key not in known]
    faults += [
        f"{key}: expected {describe(kind)}, found {show(values[key])}"
        for key, kind in schema.kinds.items()
        if key in values and values[key] is not UNKNOWN and not fits(values[key], kind)
    ]
    for group in sorted(schema.groups & values.keys()):
        faults += _astray(values[group], group)
    faults += _unbuildable(values, "")
    if faults:
        raise ConfigError("\n".join(" ".join(fault.split()) for fault in faults))


def _plain(node: Any, path: str, faults: list[str]) -> Any:
    """Copy a configuration into dicts and lists, noting the values that cannot be had."""
    if isinstance(node, DictConfig):
        return {key: _value(node, key, _join(path, key), faults) for key in node}
    if isinstance(node, ListConfig):
        return [_value(node, place, f"{path}[{place}]", faults) for place in range(len(node))]
    return node


def _value(node: Any, key: Any, path: str, faults: list[str]) -> Any:
    try:
        return _plain(node[key], path, faults)
    except MissingMandatoryValue:
        faults.append(f"{path}: a value is required; set {path}=...")
    except OmegaConfBaseException as error:
        written = node._get_node(key)._value()
        reason = _first_line(error).rpartition("interpolation: ")[2]
        faults.append(f"{path}: cannot resolve '{written}' ({reason}); set {path}=...")
    return UNKNOWN


def _astray(node: Any, path: str) -> Iterator[str]:
    """Find what stands in a group outside every `_target_`, where nothing reads it."""
    if isinstance(node, list):
        for place, child in enumerate(node):
            yield from _astray(child, f"{path}[{place}]")
    elif not isinstance(node, Mapping):
        if node is not None and node is not UNKNOWN:
            group = path.partition(".")[0].partition("[")[0]
            yield f"{path}: nothing reads it; correct the name, or give a choice of {group}= that has it"
    elif "_target_" not in node:
        targets = [key for key, child in node.items() if isinstance(child, Mapping) and "_target_" in child]
        for key, child in node.items():
            hint = _did_you_mean(key, targets)
            yield from (fault + hint for fault in _astray(child, _join(path, key)))


def _unbuildable(node: Any, path: str) -> Iterator[str]:
    """Find the faults of all `_target_` nodes at or below a place."""
    if isinstance(node, Mapping):
        if "_target_" in node:
            yield from _target_faults(node, path)
        for key, child in node.items():
            yield from _unbuildable(child, _join(path, key))
    elif isinstance(node, list):
        for place, child in enumerate(node):
            yield from _unbuildable(child, f"{path}[{place}]")


def _target_faults(node: Mapping[str, Any], path: str) -> Iterator[str]:
    name = node["_target_"]
    if name is UNKNOWN:
        return
    try:
        target = get_object(str(name))
    except (ImportError, ValueError) as error:
        yield f"{path}._target_: cannot import {show(name)}: {_reason(error)}"
        return
    try:
        parameters = inspect.signature(target).parameters
    except (TypeError, ValueError):
        return  # Written in C: the target itself will tell.
    given = {key: value for key, value in node.items() if not str(key).startswith("_")}
    label = getattr(target, "__name__", str(name))
    yield from _unknown_arguments(given, parameters, path, label)
    if not node.get("_partial_", False):
        yield from _absent_arguments(given, parameters, path, label, len(node.get("_args_", ())))
    for key, parameter in parameters.items():
        if key in given and given[key] is not UNKNOWN:
            yield from _misfit(given[key], parameter, _join(path, key), _namespace(target))


def _unknown_arguments(
    given: Collection[str], parameters: Mapping[str, inspect.Parameter], path: str, label: str
) -> Iterator[str]:
    kinds = {parameter.kind for parameter in parameters.values()}
    if inspect.Parameter.VAR_KEYWORD in kinds:
        return
    unnamed = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.VAR_POSITIONAL)
    names = [key for key, parameter in parameters.items() if parameter.kind not in unnamed]
    for key in given:
        if key not in names:
            yield f"{_join(path, key)}: {label} takes no '{key}'{_did_you_mean(key, names)}"


def _absent_arguments(
    given: Collection[str], parameters: Mapping[str, inspect.Parameter], path: str, label: str, num_unnamed: int
) -> Iterator[str]:
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    for key, parameter in list(parameters.items())[num_unnamed:]:
        if key not in given and parameter.default is parameter.empty and parameter.kind not in variable:
            where = _join(path, key)
            yield f"{where}: {label} needs a value; set {where}=..."


def _misfit(value: Any, parameter: inspect.Parameter, path: str, namespace: dict[str, Any]) -> Iterator[str]:
    annotation = _annotation(parameter, namespace)
    if value is None and parameter.default is None:
        return
    if not fits(value, annotation):
        yield f"{path}: expected {describe(annotation)}, found {show(value)}"


def _annotation(parameter: inspect.Parameter, namespace: dict[str, Any]) -> Any:
    """Evaluate an annotation; one that names what only a type checker imports counts as Any."""
    if parameter.annotation is parameter.empty or parameter.kind is parameter.VAR_KEYWORD:
        return Any
    holder: Any = SimpleNamespace(__annotations__={"value": parameter.annotation})
    try:
        return get_type_hints(holder, namespace)["value"]
    except (NameError, AttributeError, TypeError, SyntaxError):
        return Any


def _namespace(target: Any) -> dict[str, Any]:
    """Return the globals that the annotations of a function or of a class's constructor refer to."""
    function: Any = inspect.getattr_static(target, "__init__") if inspect.isclass(target) else target
    namespace: dict[str, Any] = getattr(inspect.unwrap(function), "__globals__", {})
    return namespace


def _did_you_mean(name: str, candidates: Collection[str]) -> str:
    close = get_close_matches(name, candidates, n=1)
    if close:
        return f"; did you mean '{close[0]}'?"
    return f"; known: {', '.join(sorted(candidates))}" if 0 < len(candidates) <= 12 else ""


def _reason(error: BaseException) -> str:
    """Return what started a chain of exceptions, or the message of ours within it."""
    while error.__cause__ is not None and not isinstance(error, MedXpertError):
        error = error.__cause__
    return _first_line(error)


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]


def _join(path: str, key: Any) -> str:
    return f"{path}.{key}" if path else str(key)
