import math

import pytest
import torch
from losses.studies import likeness, rows

from medxpert.errors import ConfigError
from medxpert.losses.info_nce import InfoNCE, info_nce


def naive(image: torch.Tensor, text: torch.Tensor, scale: float) -> float:
    total = 0.0
    for i in range(len(image)):
        to_text = [math.exp(scale * float(image[i] @ text[j])) for j in range(len(text))]
        to_image = [math.exp(scale * float(image[j] @ text[i])) for j in range(len(image))]
        total -= math.log(to_text[i] / sum(to_text)) + math.log(to_image[i] / sum(to_image))
    return total / (2 * len(image))


@pytest.mark.parametrize("count", [1, 2, 7])
def test_equals_the_definition(count: int):
    image, text = rows(count, 0), rows(count, 1)
    assert info_nce(image, text, torch.tensor(14.0)).item() == pytest.approx(naive(image, text, 14.0), abs=1e-5)


def test_equal_similarities_cost_the_logarithm_of_the_batch():
    same = rows(1, 0).expand(5, -1)
    found = InfoNCE()(same, same, torch.tensor(100.0), likeness(0, 0, 1, 2, 3))
    assert found.item() == pytest.approx(math.log(5), abs=1e-5)


def test_perfect_match_costs_nothing():
    image = torch.eye(6)
    assert InfoNCE()(image, image, torch.tensor(100.0), likeness(0, 0, 0, 1, 2, 3)).item() < 1e-6


@pytest.mark.parametrize("smoothing", [-0.1, 1.0])
def test_smoothing_out_of_range(smoothing: float):
    with pytest.raises(ConfigError, match=rf"loss.smoothing={smoothing} lies outside"):
        InfoNCE(smoothing)
