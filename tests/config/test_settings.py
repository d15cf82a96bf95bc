import pytest
from omegaconf import OmegaConf

from medxpert.config.build import build
from medxpert.config.settings import Settings
from medxpert.errors import ConfigError
from medxpert.evidence.rule import Rule

RULE = {"_target_": "medxpert.evidence.rule.Rule", "present": 0.5}


def test_values_are_attributes_at_every_depth():
    settings = Settings.of(OmegaConf.create("a: {b: [{c: 1}], d: '${e}'}\ne: null"))
    assert settings.a.b[0].c == 1
    assert settings.a.d is settings["e"] is None
    assert (settings.a.b[0].place, settings.a.place, settings.place) == ("a.b[0]", "a", "")
    with pytest.raises(AttributeError, match="no key 'f'"):
        _ = settings.a.f


def test_nodes_are_built():
    settings = Settings({"rule": RULE, "several": {"one": RULE, "none": None}, "list": {"of": [RULE]}})
    assert build(settings.rule) == build(settings.several)["one"] == build(settings.list)["of"][0] == Rule(present=0.5)
    assert build(settings.several)["none"] is None
    assert build(settings.rule, absent=0.05) == Rule(present=0.5, absent=0.05)


def test_a_method_and_a_part_are_built():
    settings = Settings(
        {"part": {**RULE, "_partial_": True}, "method": {"_target_": "medxpert.config.settings.Settings.of"}}
    )
    assert build(settings.part)(absent=0.05) == Rule(present=0.5, absent=0.05)
    assert build(settings.method, cfg=OmegaConf.create({"a": 1})) == {"a": 1}


def test_a_refusal_names_its_place():
    settings = Settings({"rules": {"odd": {**RULE, "_target_": "medxpert.indexes.own.Traces"}}})
    with pytest.raises(ConfigError, match=r"^rules\.odd: .*present"):
        build(settings.rules)


@pytest.mark.usefixtures("parts")
def test_what_is_not_ours_is_built_by_hydra():
    settings = Settings({"model": {"_target_": "parts.anything", "rule": RULE}})
    assert build(settings.model) == {"rule": Rule(present=0.5)}
    with pytest.raises(ConfigError, match="model"):
        build(Settings({"model": {"_target_": "os.system", "command": "true"}}).model)
