"""Compares plain values, as YAML and the command line give them, with the annotations of constructors."""

from __future__ import annotations

import json
import types
from collections.abc import Callable, Collection, Mapping, Set
from enum import Enum
from pathlib import PurePath
from typing import Annotated, Any, Literal, Union, get_args, get_origin


def fits(value: Any, annotation: Any) -> bool:
    """Tell whether a value may be given where an annotation stands; what cannot be decided fits.

    A whole number is a float, a list is any collection, a text is a path; a mapping with `_target_` stands for
    the object it builds and fits everywhere.
    """
    if annotation is Any or (isinstance(value, Mapping) and "_target_" in value):
        return True
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        return any(fits(value, member) for member in arguments)
    if origin is Annotated:
        return fits(value, arguments[0])
    if origin is Literal:
        return any(value == member and type(value) is type(member) for member in arguments)
    if origin is not None:
        return _fits_class(value, origin) and _members_fit(value, arguments)
    return _fits_class(value, annotation)


def describe(annotation: Any) -> str:
    """Name an annotation in the words of a message: `int | null`, `'adamw' | 'sgd'`, `list[float]`."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        return " | ".join(dict.fromkeys(describe(member) for member in arguments))
    if origin is Literal:
        return " | ".join(show(member) for member in arguments)
    if origin is Annotated:
        return describe(arguments[0])
    if origin is not None and origin is not Callable:
        name = getattr(origin, "__name__", str(origin))
        return f"{name}[{', '.join(describe(member) for member in arguments)}]"
    if annotation is None or annotation is types.NoneType:
        return "null"
    if annotation is ...:
        return "..."
    return str(getattr(annotation, "__name__", annotation))


def show(value: Any) -> str:
    """Write a value as one would type it: `'fast'`, `true`, `null`, `[1, 2]`."""
    return repr(value) if isinstance(value, str) else json.dumps(value, default=str)


def _fits_class(value: Any, annotation: Any) -> bool:
    if annotation is None or annotation is types.NoneType:
        return value is None
    if not isinstance(annotation, type) or annotation.__module__ == "typing":
        return True
    if getattr(annotation, "_is_protocol", False):
        return False  # It describes objects, which no plain value is.
    if isinstance(value, bool):
        return annotation is not int and issubclass(bool, annotation)
    if isinstance(value, str):
        return _takes_text(value, annotation)
    if isinstance(value, list):
        return issubclass(list, annotation) or issubclass(annotation, tuple | Set)
    if annotation in (float, complex):
        return isinstance(value, int | float)
    return isinstance(value, annotation)


def _takes_text(text: str, annotation: type) -> bool:
    if issubclass(annotation, Enum):
        return text in annotation.__members__ or text in [member.value for member in annotation]
    if issubclass(annotation, PurePath):
        return True
    return annotation is str or (issubclass(str, annotation) and not issubclass(annotation, Collection))


def _members_fit(value: Any, arguments: tuple[Any, ...]) -> bool:
    if isinstance(value, Mapping) and len(arguments) == 2:
        return all(fits(key, arguments[0]) and fits(member, arguments[1]) for key, member in value.items())
    if not isinstance(value, list) or not arguments:
        return True
    if len(arguments) == 1 or arguments[1] is ...:
        return all(fits(member, arguments[0]) for member in value)
    return len(value) == len(arguments) and all(map(fits, value, arguments))
