from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, NewType, Optional, Protocol, SupportsFloat, TypeVar, Union

import pytest

from medxpert.config.values import describe, fits, show

T = TypeVar("T")
Side = NewType("Side", int)


class Colour(Enum):
    GREY = "grey"


class Encoder(Protocol):
    def encode(self) -> int: ...


class Freeze:
    pass


TARGET = {"_target_": "x.Y"}


@pytest.mark.parametrize(
    ("value", "annotation"),
    [
        (1, int),
        (1, float),
        (1e-3, float),
        (True, bool),
        (True, bool | int),
        ("a", str),
        ("a", Path),
        ("a", Any),
        ("a", object),
        ("a", T),
        (3, Side),
        (None, None),
        (None, Optional[int]),  # noqa: UP045
        (2, Union[int, str]),  # noqa: UP007
        ("pa", Literal["pa", 1]),
        ([1, 2], list[int]),
        ([1, 2], Sequence[float]),
        ([1, 2], Iterable[int]),
        ([1, 2], tuple[int, float]),
        ([1, 2, 3], tuple[int, ...]),
        ([1], set[int]),
        ([], list[str]),
        ({"a": 1}, dict[str, int]),
        ({"a": 1}, Mapping[str, float]),
        ("grey", Colour),
        ("GREY", Colour),
        (1, Annotated[int, "px"]),
        (1, SupportsFloat),
        (TARGET, Freeze),
        (TARGET, Encoder),
        (TARGET, Callable[[int], int]),
        (None, Freeze | None),
        ("a", "NotEvaluated"),
    ],
)
def test_fits(value, annotation):
    assert fits(value, annotation)


@pytest.mark.parametrize(
    ("value", "annotation", "described"),
    [
        ("fast", float, "float"),
        (1.5, int, "int"),
        (True, int, "int"),
        (True, float, "float"),
        (True, str, "str"),
        (3, str, "str"),
        (3, bool, "bool"),
        (None, int, "int"),
        (3, Path, "Path"),
        ("x", int | None, "int | null"),
        (2, Literal["pa", 1], "'pa' | 1"),
        (True, Literal[1], "1"),
        ("pa", list[str], "list[str]"),
        ("pa", Sequence[str], "Sequence[str]"),
        ([1, "x"], list[int], "list[int]"),
        ([1, 2, 3], tuple[int, int], "tuple[int, int]"),
        ([1, "x"], tuple[int, ...], "tuple[int, ...]"),
        ([1], str, "str"),
        ([1], dict[str, int], "dict[str, int]"),
        ({"a": "x"}, dict[str, int], "dict[str, int]"),
        (3, dict[str, int], "dict[str, int]"),
        ("red", Colour, "Colour"),
        ("x", Encoder, "Encoder"),
        (3, Freeze, "Freeze"),
        ({"blocks": 3}, Freeze, "Freeze"),
        ("x", Callable[[int], int], "Callable"),
        ("x", Annotated[int, "px"], "int"),
    ],
)
def test_misfit_and_its_description(value, annotation, described):
    assert not fits(value, annotation)
    assert describe(annotation) == described


@pytest.mark.parametrize(
    ("value", "shown"), [("a", "'a'"), (None, "null"), (True, "true"), ([1, None], "[1, null]"), (1e-3, "0.001")]
)
def test_show(value, shown):
    assert show(value) == shown
