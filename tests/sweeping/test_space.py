import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from sweeping.conftest import parsed

from medxpert.errors import ConfigError
from medxpert.sweeping.space import read_space


@pytest.mark.parametrize(
    ("override", "distribution"),
    [
        ("a=tag(log,interval(1e-5,1e-2))", FloatDistribution(1e-5, 1e-2, log=True)),
        ("a=interval(0,1)", FloatDistribution(0.0, 1.0)),
        ("a=int(interval(1,8))", IntDistribution(1, 8)),
        ("a=range(1,10,4)", IntDistribution(1, 9, step=4)),
        ("a=range(0,3)", IntDistribution(0, 2)),
        ("a=range(0.5,2,0.5)", FloatDistribution(0.5, 1.5, step=0.5)),
        ("a=choice(1,[2,3],x)", CategoricalDistribution(["1", "[2,3]", "x"])),
        ("a=1e-3,fast", CategoricalDistribution(["0.001", "fast"])),
    ],
)
def test_axis(override, distribution):
    assert read_space(parsed(override)).axes == {"a": distribution}


def test_trial_becomes_overrides():
    space = read_space(parsed("++a.lr=interval(0,1)", "model=b,c", "++name='x, y'"))
    assert space.overrides({"a.lr": 1e-05, "model": "b"}) == ["++name='x, y'", "++a.lr=1e-05", "model=b"]


def test_corners_reach_every_end_and_choice():
    space = read_space(parsed("a=interval(0,1)", "b=x,y,z"))
    assert list(space.corners()) == [["a=0.0", "b=x"], ["a=1.0", "b=x"], ["a=0.0", "b=y"], ["a=0.0", "b=z"]]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["a=1"], "name what to search"),
        (["a=interval(2,1)"], r"^a: .*low <= high"),
        (["a=tag(log,interval(0,1))"], r"^a: .*low"),
        (["a=tag(log,range(1,9,2))"], r"^a: .*step"),
    ],
)
def test_bad_axis(overrides, message):
    with pytest.raises(ConfigError, match=message):
        read_space(parsed(*overrides))
