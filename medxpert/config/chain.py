"""Finds the chain that train.py runs: the model's recipe names it, and a run that goes on has kept it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf

from medxpert.config.build import build
from medxpert.errors import DataError
from medxpert.run import OUTPUTS

Chain = Callable[[DictConfig], None]
_CONFIG = "config.yaml"


def chain_of(cfg: DictConfig) -> Chain:
    """Return the chain of a configuration, or of the run that `resume=` names.

    Raises:
        DataError: the run's configuration is broken.
    """
    kept = _kept(str(cfg.resume)) if cfg.resume else None
    chain: Chain = build(cfg.chain if kept is None else OmegaConf.create(kept))
    return chain


def _kept(name: str) -> dict[str, Any] | None:
    """Return the chain of a run; None where there is no run, which is told later, or where it names none."""
    for path in (Path(name) / _CONFIG, OUTPUTS / name / _CONFIG):
        if path.is_file():
            try:
                chain = dict(yaml.safe_load(path.read_text(encoding="utf-8"))).get("chain")
            except (OSError, ValueError, TypeError, yaml.YAMLError) as error:
                raise DataError(f"{path} is missing or broken; make the run again: python train.py") from error
            return dict(chain) if chain else None
    return None
