"""What a command's primary YAML allows at its root, and the folder that holds the YAML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from medxpert.errors import ConfigError

if TYPE_CHECKING:
    from omegaconf import ListConfig

_PACKAGE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Schema:
    """The names that may stand at the root of a command's configuration.

    Attributes:
        values: keys that hold plain values, such as `seed`.
        groups: groups of the defaults list, such as `model`; what they hold is built from `_target_` nodes.
        kinds: for plain values that have a default, its type, which other values must fit.
    """

    values: frozenset[str]
    groups: frozenset[str]
    kinds: Mapping[str, type] = field(default_factory=dict)


def conf_folder() -> Path:
    """Return the folder of the YAML groups: inside an installed package, beside it in a checkout."""
    packaged = _PACKAGE / "conf"
    return packaged if packaged.is_dir() else _PACKAGE.parent / "conf"


def read_schema(conf: Path, name: str) -> Schema:
    """Read the root keys and the groups of `conf/<name>.yaml`.

    Raises:
        ConfigError: there is no such file, or it is not a mapping.
    """
    from omegaconf import DictConfig, ListConfig, OmegaConf

    path = conf / f"{name}.yaml"
    if not path.is_file():
        raise ConfigError(f"{path}: no such file; it should hold the defaults of the command {name}")
    primary = OmegaConf.load(path)
    if not isinstance(primary, DictConfig):
        raise ConfigError(f"{path}: expected a mapping, found a {type(primary).__name__}")
    groups = _groups(primary.get("defaults", ListConfig([])))
    values = {str(key) for key in primary} - {"defaults", "hydra"}
    kinds = {str(key): type(primary[key]) for key in values - groups if isinstance(primary[key], str | int | float)}
    return Schema(frozenset(values - groups), frozenset(groups), kinds)


def _groups(defaults: ListConfig) -> set[str]:
    """Name the root keys that a defaults list fills: `optional db/eval@test: small` fills `test`."""
    names = [str(key).split() for entry in defaults if isinstance(entry, Mapping) for key in entry]
    fillers = [words[-1] for words in names if words[0] != "override"]
    return {name.partition("@")[2] or name.split("/")[0] for name in fillers}
