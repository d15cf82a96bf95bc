import pytest

from medxpert.errors import ConfigError
from medxpert.privacy import may_leave, strictest, without_credentials


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


@pytest.mark.parametrize("call", [lambda: strictest(["open", "secret"]), lambda: may_leave("secret", "machine")])
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
