import textwrap

import pytest

PARTS = """
from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from medxpert.errors import DataError

if TYPE_CHECKING:
    from nowhere import Tensor


@dataclass
class Freeze:
    blocks: int = 0


class Model:
    def __init__(self, width: int, freeze: Freeze | None = None, shape: Tensor = None, weights: str | None = None):
        if width < 1:
            raise ValueError(f"width must be at least 1,\\nfound {width}")
        if weights == "broken":
            raise DataError("weights are broken")
        self.width, self.freeze, self.weights = width, freeze, weights


class Adam:
    def __init__(self, lr: float = 0.1, betas: tuple[float, float] = (0.9, 0.99), fused: bool = False, eps: int = None):
        self.lr, self.betas = lr, betas


def read(split: str, path: str, views: list[str] = (), order: Literal["name", "date"] = "name"):
    return split, path, views, order


def anything(**settings: int):
    return settings


def bug():
    raise AttributeError("a bug of ours")
"""


@pytest.fixture
def parts(tmp_path, monkeypatch):
    """Make a module of constructors importable for one test."""
    (tmp_path / "parts.py").write_text(textwrap.dedent(PARTS))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "parts", raising=False)
