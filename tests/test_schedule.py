from itertools import pairwise

import pytest
import torch

from medxpert.errors import ConfigError
from medxpert.schedule import cosine, cosine_factor


def test_warms_up_peaks_and_falls():
    factors = [cosine_factor(step, 100, 10, 0.1) for step in range(101)]
    assert factors[0] == pytest.approx(1 / 11)
    assert factors[10] == 1 == max(factors)
    assert factors[55] == pytest.approx(0.55)
    assert factors[100] == pytest.approx(0.1)
    assert all(a < b for a, b in pairwise(factors[:11]))
    assert all(a > b for a, b in pairwise(factors[10:]))


def test_drives_the_optimizer():
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=2.0)
    schedule = cosine(optimizer, total_steps=4, warmup=0.5)
    rates = []
    for _ in range(4):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert rates == pytest.approx([2 / 3, 4 / 3, 2, 1])


@pytest.mark.parametrize(("warmup", "floor"), [(1.0, 0.0), (-0.1, 0.0), (0.1, 1.5)])
def test_shares_out_of_range(warmup: float, floor: float):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    with pytest.raises(ConfigError, match=rf"scheduler.warmup={warmup} must lie .* scheduler.floor={floor}"):
        cosine(optimizer, 10, warmup, floor)
