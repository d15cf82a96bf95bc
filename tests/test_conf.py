"""Every YAML under conf/ composes and names arguments that its targets take; a new one is found by itself."""

import re
from functools import cache

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf, open_dict, read_write

from medxpert.config.check import check
from medxpert.config.resolvers import register
from medxpert.config.schema import Schema, conf_folder, read_schema
from medxpert.errors import ConfigError

register()
CONF = conf_folder()
COMMANDS = sorted(path.stem for path in CONF.glob("*.yaml"))
CHOICES = sorted((path.parent.name, path.stem) for path in CONF.glob("*/*.yaml"))
OPEN = re.compile(r": (a value is required|.* needs a value|cannot resolve)")
"""What one YAML may leave to others and to the user."""


def composed(name, overrides=(), **options):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose(name, overrides=list(overrides), **options)


@pytest.fixture
def job(monkeypatch):
    """Compose what a command's main would see, inside a run."""

    def call(command, overrides=()):
        cfg = composed(command, ["hydra.runtime.output_dir=folder", *overrides], return_hydra_config=True)
        HydraConfig.instance().set_config(cfg)
        with read_write(cfg), open_dict(cfg):
            del cfg["hydra"]
        return cfg

    monkeypatch.setattr(HydraConfig.instance(), "cfg", None)
    return call


@cache
def schema(command):
    return read_schema(CONF, command)


def faults(cfg, known):
    try:
        check(cfg, known)
    except ConfigError as error:
        return str(error).splitlines()
    return []


@pytest.mark.parametrize(("group", "choice"), [pair for pair in CHOICES if pair[0] != "experiment"])
@pytest.mark.filterwarnings("ignore:.*Defaults list is missing `_self_`:UserWarning")
def test_choice_alone(group, choice):
    """An experiment has none: it overrides the choices of other groups."""
    cfg = composed(f"{group}/{choice}")
    found = faults(cfg, Schema(values=frozenset(map(str, cfg)), groups=frozenset()))
    assert [fault for fault in found if not OPEN.search(fault)] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_command_with_its_defaults(job, command):
    assert faults(job(command), schema(command)) == []


@pytest.mark.parametrize(
    ("command", "group", "choice"),
    [(command, *pair) for command in COMMANDS for pair in CHOICES if pair[0] in schema(command).groups],
)
def test_choice_within_its_command(job, command, group, choice):
    found = faults(job(command, [f"{group}={choice}"]), schema(command))
    assert [fault for fault in found if "a value is required" not in fault] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_help_names_every_group_and_only_keys_that_exist(command):
    composition = composed(command, return_hydra_config=True)
    text = OmegaConf.to_container(composition.hydra.help, resolve=False)["template"]
    roots = set(re.findall(r"^ +([a-z_]+)[.\w]*= ?[A-Z ]", text, flags=re.MULTILINE))
    known = schema(command).values | schema(command).groups | {"hydra"}
    assert schema(command).groups <= roots <= known
    for reference in re.findall(r"\$\{(?:oc\.select:)?([\w.]+)[,}]", text):
        assert OmegaConf.select(composition, reference) is not None


@pytest.mark.parametrize("command", COMMANDS)
def test_command_leaves_no_files_of_hydra(command):
    hydra = composed(command, return_hydra_config=True).hydra
    assert hydra.output_subdir is None
    assert OmegaConf.to_container(hydra.job_logging)["root"] is None
    assert OmegaConf.to_container(hydra.hydra_logging)["root"] is None
