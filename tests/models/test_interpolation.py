import pytest
import torch

from medxpert.errors import ConfigError, DataError
from medxpert.models.interpolation import interpolate

START = {"weight": torch.tensor([[0.0, 2.0]]), "variance": torch.tensor([1.0]), "count": torch.tensor(3)}
ADAPTED = {"weight": torch.tensor([[4.0, 0.0]]), "variance": torch.tensor([5.0]), "count": torch.tensor(9)}


@pytest.mark.parametrize("share", [0.0, 0.25, 0.7, 1.0])
def test_lies_between(share):
    found = interpolate(START, ADAPTED, share)
    assert list(found) == list(ADAPTED)
    for name in ("weight", "variance"):
        torch.testing.assert_close(found[name], (1 - share) * START[name] + share * ADAPTED[name])
    assert found["count"].dtype == torch.int64
    assert found["count"] == 9


def test_changes_neither():
    found = interpolate(START, ADAPTED, 1.0)
    for tensor in found.values():
        tensor.zero_()
    assert ADAPTED["weight"].tolist() == [[4, 0]]
    assert ADAPTED["count"] == 9
    assert START["variance"] == 1


@pytest.mark.parametrize(
    ("start", "share", "error", "message"),
    [
        (START, -0.1, ConfigError, r"module.wise_ft=-0.1 must lie in \[0, 1\]"),
        (START, float("nan"), ConfigError, "module.wise_ft=nan"),
        ({"weight": START["weight"]}, 0.5, DataError, "of different models: count, variance$"),
        (START | {"more": torch.zeros(1)}, 0.5, DataError, "of different models: more$"),
        (START | {"weight": torch.zeros(1, 1)}, 0.5, DataError, "of different models: weight$"),
    ],
)
def test_bad_input(start, share, error, message):
    with pytest.raises(error, match=message):
        interpolate(start, ADAPTED, share)
