import math

import pytest
import torch
from losses.studies import likeness, rows

from medxpert.errors import ConfigError
from medxpert.losses.sigmoid import Sigmoid, sigmoid


def naive(image, text, scale, bias, texts=None):
    """Sum over all pairs but those of other studies with the same text."""
    total = 0.0
    for i in range(len(image)):
        for j in range(len(image)):
            if i != j and texts and texts[i] == texts[j]:
                continue
            sign = 1 if i == j else -1
            total += math.log1p(math.exp(-sign * (scale * float(image[i].double() @ text[j].double()) + bias)))
    return total / len(image)


@pytest.mark.parametrize("count", [1, 2, 7])
@pytest.mark.parametrize("bias", [-10.0, 0.0, 3.0])
def test_equals_the_definition(count: int, bias: float):
    image, text = rows(count, 0), rows(count, 1)
    found = sigmoid(image, text, torch.tensor(10.0), torch.tensor(bias))
    assert found.item() == pytest.approx(naive(image, text, 10.0, bias), rel=1e-5)


@pytest.mark.parametrize("texts", [(0,), (0, 1, 2, 3), (0, 1, 0, 2, 1, 0), (4, 4, 4)])
def test_same_text_is_left_out_only_when_asked_for(texts):
    image, text, scale = rows(len(texts), 0), rows(len(texts), 1), torch.tensor(10.0)
    for arguments, left_out in (({}, None), ({"same_text": True}, texts)):
        found = Sigmoid(-2.0, **arguments)(image, text, scale, likeness(*texts))
        assert found.item() == pytest.approx(naive(image, text, 10.0, -2.0, left_out), rel=1e-5)


def test_what_is_left_out_has_no_gradient():
    image, text = rows(4, 0).requires_grad_(), rows(4, 1).requires_grad_()
    others = ~torch.eye(4, dtype=torch.bool)
    sigmoid(image, text, torch.tensor(10.0), torch.tensor(0.0), others).backward()
    shares = torch.sigmoid(-10 * (image * text).sum(dim=1, keepdim=True)) * -10 / 4
    torch.testing.assert_close(image.grad, shares.detach() * text.detach())


def test_bias_is_learned():
    loss = Sigmoid()
    assert [name for name, _ in loss.named_parameters()] == ["bias"]
    assert loss.bias.item() == -10
    loss(torch.eye(4), torch.eye(4), torch.tensor(1.0), likeness(0, 1, 2, 3)).backward()
    # nothing is told apart yet: the own pair asks for a larger bias
    assert loss.bias.grad.item() == pytest.approx(-1, abs=0.01)


@pytest.mark.parametrize("bias", [-100.0, 100.0])
def test_surprise_costs_in_proportion(bias: float):
    """Far from 0, -log sigmoid(-x) is x: neither rounded nor infinite."""
    image = torch.eye(3)
    found = sigmoid(image, image, torch.tensor(100.0), torch.tensor(bias)).item()
    assert found == pytest.approx(naive(image, image, 100.0, bias))


@pytest.mark.parametrize("bias", [math.inf, math.nan])
def test_bias_out_of_range(bias: float):
    with pytest.raises(ConfigError, match=rf"loss\.bias={bias} is not finite"):
        Sigmoid(bias)
