from pathlib import Path

import pytest

from medxpert.errors import ConfigError
from medxpert.privacy import loggable, may_leave, strictest, without_credentials


@pytest.mark.parametrize(
    ("policies", "expected"),
    [
        (["open"], "open"),
        (["open", "credentialed", "open"], "credentialed"),
        (["credentialed", "private"], "private"),
        ([], "private"),
    ],
)
def test_strictest(policies, expected):
    assert strictest(iter(policies)) == expected


@pytest.mark.parametrize("destination", ["machine", "logger", "service"])
@pytest.mark.parametrize("policy", ["open", "credentialed", "private"])
def test_only_open_data_leave(policy, destination):
    assert may_leave(policy, destination) is (policy == "open" or destination == "machine")


@pytest.mark.parametrize(
    "call",
    [
        lambda: strictest(["open", "secret"]),
        lambda: may_leave("secret", "machine"),
        lambda: loggable({}, "secret"),
    ],
)
def test_unknown_policy(call):
    with pytest.raises(ConfigError, match="expected one of open, credentialed, private, found 'secret'"):
        call()


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("s3://key:secret@bucket/shards?region=eu", "s3://bucket/shards?region=eu"),
        ("s3://bucket/a@b", "s3://bucket/a@b"),
        ("outputs/a", "outputs/a"),
    ],
)
def test_credentials_are_not_shown(location, shown):
    assert without_credentials(location) == shown


CONFIGS = [
    ({"seed": 1, "rate": 1e-3, "fast": True, "resume": None}, {"seed": 1, "rate": 1e-3, "fast": True, "resume": None}),
    ({"model": {"_target_": "a.b.clip", "weights": "laion2b_s34b_b79k"}}, None),
    ({"trainer": {"precision": "bf16-mixed", "betas": [0.9, 0.98], "logger": {}}}, None),
    ({"model": {"weights": "outputs/ward"}}, {"model": {}}),
    ({"model": {"weights": "C:\\ward"}}, {"model": {}}),
    ({"model": {"weights": "~ward"}}, {"model": {}}),
    ({"model": {"weights": "s3:ward"}}, {"model": {}}),
    ({"model": {"weights": "ward.pt"}}, {"model": {}}),
    ({"model": {"weights": "existing"}}, {"model": {}}),
    ({"model": {"weights": "earlier-run"}}, {"model": {}}),
    ({"model": {"weights": Path("ward")}}, {"model": {}}),
    ({"loader": {"text": "Miss Doe has effusion"}}, {"loader": {}}),
    ({"loader": {"text": "w" * 41}}, {"loader": {}}),
    ({"index": {"of": ["flat", "a/b", {"path": "/a", "k": 3}]}}, {"index": {"of": ["flat", {"k": 3}]}}),
    (
        {"data": {"_target_": "a.read", "policy": "private", "num": 3, "prompts": False, "columns": {"ward": 1}}},
        {"data": {"num": 3, "prompts": False}},
    ),
    ({"data": {"names": ["ward", 1], "split": None}}, {"data": {"split": None}}),
]


@pytest.mark.parametrize("policy", ["credentialed", "private"])
@pytest.mark.parametrize(("config", "shown"), CONFIGS)
def test_a_configuration_names_no_data_where_it_is_logged(tmp_path, monkeypatch, config, shown, policy):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "existing").touch()
    (tmp_path / "outputs" / "earlier-run").mkdir(parents=True)
    assert loggable(config, policy) == (config if shown is None else shown)
    assert loggable(config, "open") == config
