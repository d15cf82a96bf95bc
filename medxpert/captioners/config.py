"""The configuration file of a BLIP, and where its folder lies. No torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from medxpert.errors import ConfigError, DataError
from medxpert.run import CAPTIONER, OUTPUTS

CONFIG, WEIGHTS, PREPROCESSOR = "config.json", "model.safetensors", "preprocessor_config.json"


def located(name: str, key: str) -> Path:
    """Return the folder of a captioner: the path itself, or what the run at that path, or of that name, holds.

    Raises:
        ConfigError: there is none; the message names `key`.
    """
    for path in (Path(name), OUTPUTS / name):
        for folder in (path / CAPTIONER, path):
            if (folder / CONFIG).is_file():
                return folder
    raise ConfigError(f"{key}={name} holds no captioner; give a run of train.py model=blip_tiny or a BLIP folder")


def read_json_object(path: Path) -> Mapping[str, Any]:
    """Read one of transformers' JSON files.

    Raises:
        DataError: it is missing, or holds no JSON object.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is missing or no JSON ({error}); give the folder of a BLIP") from error
    if not isinstance(values, dict):
        raise DataError(f"{path} holds no JSON object; give the folder of a BLIP")
    return values


def read_config(folder: Path) -> Mapping[str, Any]:
    """Read the configuration of a BLIP.

    Raises:
        DataError: it is missing or broken, or describes another model.
    """
    values = read_json_object(folder / CONFIG)
    kind = values.get("model_type")
    if kind != "blip":
        raise DataError(f"{folder} is no BLIP: expected model_type blip in {CONFIG}, found {kind}; give another folder")
    return values


def image_side_of(folder: Path) -> int:
    """Return the pixels per side that the BLIP of a folder sees; 384 where its configuration leaves it out.

    Raises:
        DataError: there is no such configuration.
    """
    side = (read_config(folder).get("vision_config") or {}).get("image_size", 384)
    if not isinstance(side, int) or side < 1:
        raise DataError(f"{folder / CONFIG}: expected image_size to be a number of pixels, found {side!r}")
    return side
