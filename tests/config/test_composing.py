"""Configurations composed where Hydra started nothing."""

from pathlib import Path

import pytest

from medxpert.config.composing import composed
from medxpert.errors import ConfigError


def test_overrides_are_taken_as_they_are_typed():
    cfg = composed("app", ["run=a(1)", "export=[json]", "rule.present=0.5"])

    assert (cfg.run, list(cfg.export), cfg.rule.present) == ("a(1)", ["json"], 0.5)


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("tokn=1", "tokn: unknown key; did you mean 'token'"),
        ("reporter=nix", "reporter=nix: no such choice"),
        ("reporter=null", "reporter=null: no such choice; available: gemini, "),
        ("rule.presnt=0.5", "presnt"),
        ("top_k=many", "top_k: expected"),
        ("nonsense", "nonsense"),
    ],
)
def test_what_cannot_be_honoured_is_one_line(typed, message):
    with pytest.raises(ConfigError, match=message) as refused:
        composed("app", [typed])
    assert "\n" not in str(refused.value)


def test_another_folder_of_yaml_may_be_given(tmp_path: Path):
    (tmp_path / "app.yaml").write_text("run: mine\n")

    assert composed("app", [], tmp_path).run == "mine"
