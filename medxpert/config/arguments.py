"""Lists what a configured part can be told, for the help of a command."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator, Mapping
from typing import Any

from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf


def arguments(group: str, *, _root_: DictConfig) -> str:
    """List the arguments of the chosen part of a group, `${arguments:data}` in a help: `data.side=128`, a line each.

    Values are those of the configuration, else the constructor's own; `???` stands for what must be given.
    """
    node: Any = OmegaConf.to_container(_root_[group], resolve=False)
    return "\n  ".join(_lines(group, node))


def _lines(group: str, node: Mapping[str, Any]) -> Iterator[str]:
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    for name, parameter in inspect.signature(get_object(str(node["_target_"]))).parameters.items():
        if parameter.kind in named:
            value = node.get(name, "???" if parameter.default is parameter.empty else parameter.default)
            yield f"{group}.{name}={value if isinstance(value, str) else json.dumps(value, default=str)}"
