"""Composes a command's configuration in a process that Hydra did not start, such as a browser app's server."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from medxpert.config.check import check
from medxpert.config.failures import explain
from medxpert.config.overrides import rewrite
from medxpert.config.resolvers import register
from medxpert.config.schema import conf_folder, read_schema


def composed(name: str, arguments: Sequence[str], conf: Path | None = None) -> DictConfig:
    """Compose and check `conf/<name>.yaml` with overrides as they are typed after a command.

    Hydra keeps one configuration folder per process: no two threads may compose at once.

    Raises:
        ConfigError: an override is none, or the configuration cannot be built; one line per fault.
    """
    conf = conf or conf_folder()
    register()
    schema = read_schema(conf, name)
    groups = schema.groups | {folder.name for folder in conf.iterdir() if folder.is_dir()}
    try:
        with initialize_config_dir(str(conf), version_base="1.3"):
            cfg = compose(name, [rewrite(one, groups) for one in arguments])
    except (HydraException, OmegaConfBaseException, YAMLError, OSError, ValueError) as error:
        raise explain(error, conf) from error
    check(cfg, schema)
    return cfg
