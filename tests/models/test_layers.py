import numpy as np
import pytest
import torch
import torch.nn.functional as F

from medxpert.models.layers import activate, attend, batch_norm, convolve, gelu, layer_norm


def draw(*shape):
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)


def close(found, expected, atol=1e-5):
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected.numpy(), atol=atol, rtol=0)


def test_gelu():
    x = np.linspace(-12, 12, 20001, dtype=np.float32)
    exact = F.gelu(torch.from_numpy(x.astype(np.float64)))
    close(gelu(x), exact, atol=1e-6)
    close(activate(x, "gelu"), exact, atol=1e-6)


def test_quick_gelu():
    x = draw(5, 7) * 4
    tensor = torch.from_numpy(x)
    close(activate(x, "quick_gelu"), tensor * torch.sigmoid(1.702 * tensor))


def test_layer_norm():
    x, weight, bias = draw(2, 3, 8) * 5 + 2, draw(8), draw(8) + 1
    expected = F.layer_norm(torch.from_numpy(x), (8,), torch.from_numpy(weight), torch.from_numpy(bias))
    close(layer_norm(x, {"weight": weight, "bias": bias}), expected)


@pytest.mark.parametrize(
    ("side", "kernel", "stride", "padding"), [(8, 1, 1, 0), (8, 4, 4, 0), (7, 3, 1, 1), (16, 6, 4, 1), (9, 4, 2, 1)]
)
def test_convolve(side, kernel, stride, padding):
    x, weight = draw(2, side, side + 4, 3), draw(5, 3, kernel, kernel)
    channels_first = torch.from_numpy(x).permute(0, 3, 1, 2)
    expected = F.conv2d(channels_first, torch.from_numpy(weight), stride=stride, padding=padding)
    close(convolve(x, weight, stride, padding), expected.permute(0, 2, 3, 1), atol=2e-5)


def test_batch_norm():
    x = draw(2, 3, 3, 8)
    weights = {"mean": draw(8), "variance": draw(8) ** 2, "weight": draw(8) + 1, "bias": draw(8) - 1}
    tensors = [torch.from_numpy(weights[name]) for name in ("mean", "variance", "weight", "bias")]
    expected = F.batch_norm(torch.from_numpy(x).permute(0, 3, 1, 2), *tensors).permute(0, 2, 3, 1)
    np.testing.assert_allclose(batch_norm(x, weights), expected.numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("causal", [True, False])
def test_attend(causal):
    query, key, value = (draw(2, 6, 8) * scale for scale in (1, 2, 3))
    hidden = np.triu(np.full((6, 6), -np.inf, np.float32), 1) if causal else None
    split = [torch.from_numpy(x).unflatten(-1, (2, 4)).transpose(1, 2) for x in (query, key, value)]
    expected = F.scaled_dot_product_attention(*split, is_causal=causal).transpose(1, 2).flatten(2)
    close(attend(query, key, value, 2, hidden), expected)
