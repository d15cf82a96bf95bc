"""Files of weights: reading them safely, and the names that open_clip and transformers give to ours."""

from __future__ import annotations

import json
import pickle
import re
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from medxpert.errors import ConfigError, DataError

State = dict[str, Tensor]
_WRAPPER = "module."


def read_state(path: Path) -> State:
    """Read the tensors of a .safetensors file or of a torch file, as float32; no code in it is run.

    Raises:
        ConfigError: the file is a TorchScript archive.
        DataError: the file is broken or holds something else.
    """
    state = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
    if state and all(name.startswith(_WRAPPER) for name in state):
        state = {name.removeprefix(_WRAPPER): tensor for name, tensor in state.items()}
    return {name: tensor.float() for name, tensor in state.items()}


def renamed(state: State, path: Path) -> State:
    """Give weights of open_clip or transformers our names and layout; ours pass through.

    Raises:
        DataError: the names are of neither kind.
    """
    state = {name: tensor for name, tensor in state.items() if name not in _names()["constants"]}
    if "image.projection" in state:
        return state
    if "visual.conv1.weight" in state:
        return _rename(state, "open_clip")
    if "vision_model.embeddings.class_embedding" in state:
        return _from_hugging_face(_rename(state, "hugging_face"))
    shown = ", ".join(list(state)[:3])
    raise DataError(f"{path}: expected weights of an open_clip or Hugging Face CLIP, found {shown or 'nothing'}")


def _read_safetensors(path: Path) -> State:
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise DataError(f"{path}: not a readable safetensors file ({error})") from error


def _read_torch(path: Path) -> State:
    if _is_torchscript(path):
        raise ConfigError(
            f"model.weights={path} is a TorchScript archive, which runs code; convert it first: "
            "torch.save(torch.jit.load(file).state_dict(), new_file)"
        )
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{path}: not a readable torch file of plain weights ({reason})") from error
    state = content.get("state_dict", content) if isinstance(content, dict) else content
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise DataError(f"{path}: expected a dictionary of weights, or one under 'state_dict'")
    return state


def _is_torchscript(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("constants.pkl") for name in archive.namelist())


@cache
def _names() -> dict[str, Any]:
    return json.loads((Path(__file__).parent / "names.json").read_text(encoding="utf-8"))


def _rename(state: State, source: str) -> State:
    return {_ours(name, _names()[source]): tensor for name, tensor in state.items()}


def _ours(name: str, table: dict[str, str]) -> str:
    for theirs, ours in table.items():
        name = name.replace(theirs, ours)
    return name


def _from_hugging_face(state: State) -> State:
    """Join the three attention inputs of a block and turn the projections to [width, D]."""
    joined = {}
    for name, tensor in state.items():
        if name.endswith(".projection"):
            joined[name] = tensor.T.contiguous()
        elif match := re.fullmatch(r"(.*)\.q\.(weight|bias)", name):
            block, kind = match.groups()
            parts = [state[f"{block}.{part}.{kind}"] for part in "qkv" if f"{block}.{part}.{kind}" in state]
            joined[f"{block}.qkv.{kind}"] = torch.cat(parts)
        elif not re.fullmatch(r".*\.[kv]\.(weight|bias)", name):
            joined[name] = tensor
    return joined
