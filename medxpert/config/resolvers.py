"""The interpolations of our YAML beyond Hydra's: `${choices:data}`, `${arguments:data}`, `${fast_precision:}`."""

from __future__ import annotations

from typing import Any

from hydra.core.global_hydra import GlobalHydra
from hydra.core.object_type import ObjectType
from omegaconf import OmegaConf

from medxpert.config.arguments import arguments
from medxpert.config.hardware import fast_precision


def register() -> None:
    """Make them known, before a configuration is composed."""
    OmegaConf.register_new_resolver("choices", choices, replace=True)
    OmegaConf.register_new_resolver("arguments", arguments, replace=True)
    OmegaConf.register_new_resolver("fast_precision", fast_precision, replace=True)


def choices(group: str) -> str:
    """List the choices of a group, for the help of a command."""
    loader: Any = GlobalHydra.instance().config_loader()
    # the loader's own way copies every configuration it knows, each time
    return ", ".join(loader.repository.get_group_options(group, ObjectType.CONFIG))
