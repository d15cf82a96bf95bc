import pytest

from medxpert.errors import ConfigError
from medxpert.galleries.share import Share, share_of

TORCHRUN = {"TORCHELASTIC_RUN_ID": "x", "RANK": "1", "WORLD_SIZE": "2"}


def array(task, count, first=0, step=1):
    names = ("ID", "COUNT", "MIN", "MAX", "STEP")
    values = (task, count, first, first + (count - 1) * step, step)
    return {f"SLURM_ARRAY_TASK_{name}": str(value) for name, value in zip(names, values, strict=True)}


@pytest.mark.parametrize(
    ("part", "environment", "expected"),
    [
        (None, {}, (0, 1)),
        ("3/16", {}, (2, 16)),
        (None, TORCHRUN, (1, 2)),
        (None, array(5, 8), (5, 8)),
        (None, array(7, 4, first=3, step=2), (2, 4)),
        (None, array(4, 1, first=4), (0, 1)),
        ("2/3", array(5, 8), (1, 3)),
        ("2/3", TORCHRUN, (3, 6)),
    ],
)
def test_the_share_is_told_by_whoever_started_the_process(monkeypatch, part, environment, expected):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert share_of(part) == Share(*expected)


@pytest.mark.parametrize("part", ["0/2", "3/2", "x", "1", "-1/2"])
def test_no_such_part(part):
    with pytest.raises(ConfigError, match=r"expected I/N with I from 1 to N, such as part=3/16"):
        share_of(part)


def test_an_array_without_numbers_names_the_variable(monkeypatch):
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "abc")
    with pytest.raises(ConfigError, match=r"SLURM_ARRAY_TASK_\*: expected numbers .*'abc'.*part=3/16"):
        share_of(None)


def test_an_array_with_gaps_asks_for_the_part(monkeypatch):
    for name, value in (array(3, 2, first=3) | {"SLURM_ARRAY_TASK_MAX": "7"}).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=r"not evenly numbered from 3 to 7; say which part"):
        share_of(None)
