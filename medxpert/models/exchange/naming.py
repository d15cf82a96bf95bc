"""Weights under the names that open_clip and transformers give them: the way back of `models.state.renamed`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Literal

from torch import Tensor

from medxpert.errors import ConfigError
from medxpert.models.architecture import Architecture, Convolutional
from medxpert.models.state import State

Source = Literal["open_clip", "hugging_face"]
_PART = re.compile(r"(.*)\.([qkv])\.(weight|bias)")


def check_transformers(architecture: Architecture, library: str) -> None:
    """Refuse what no other library's CLIP is made of.

    Raises:
        ConfigError: the image tower is convolutional, the outputs are standardised, or the images are not RGB.
    """
    faults = {
        "a convolutional image tower": isinstance(architecture.image, Convolutional),
        "outputs standardised over the batch": architecture.standardised,
        f"images of {len(architecture.mean)} channel(s)": len(architecture.mean) != 3,
    }
    found = ", ".join(name for name, true in faults.items() if true)
    if found:
        raise ConfigError(
            f"{library} holds CLIPs of two transformers that read RGB; {architecture.name} has {found}: export it "
            "with format=onnx, or train a model that all can hold, such as python train.py model=clip_b32"
        )


def foreign(names: Iterable[str], state: State, source: Source) -> State:
    """Give each of another library's names its weight from a state under our names.

    Args:
        names: all that the other library's model has.
        state: ours; attention inputs are joined, projections are [width, embed_dim].
        source: whose names they are.

    Raises:
        KeyError: a name stands for a weight that we do not have.
    """
    return {name: _weight(_ours(name, source), state, source) for name in names}


def _weight(name: str, state: State, source: Source) -> Tensor:
    if match := _PART.fullmatch(name):
        block, part, kind = match.groups()
        return state[f"{block}.qkv.{kind}"].chunk(3)["qkv".index(part)].contiguous()
    if source == "hugging_face" and name.endswith(".projection"):
        return state[name].T.contiguous()
    return state[name]


def _ours(name: str, source: Source) -> str:
    for theirs, ours in _names()[source].items():
        name = name.replace(theirs, ours)
    return name


@cache
def _names() -> dict[str, dict[str, str]]:
    names: dict[str, dict[str, str]] = json.loads((Path(__file__).parents[1] / "names.json").read_text("utf-8"))
    return names
