import pytest
import torch

from medxpert.models.activation import quick_gelu


def expected(x):
    return x * torch.sigmoid(1.702 * x)


@pytest.mark.parametrize("trained", [True, False])
def test_value(trained):
    x = torch.linspace(-8, 8, 41).requires_grad_(trained)
    torch.testing.assert_close(quick_gelu(x), expected(x), atol=1e-6, rtol=1e-6)


def test_gradient():
    x = torch.linspace(-8, 8, 41, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(quick_gelu, x)
    found, wanted = (torch.autograd.grad(one(x).square().sum(), x)[0] for one in (quick_gelu, expected))
    torch.testing.assert_close(found, wanted)


def test_it_keeps_one_tensor():
    kept = []
    x = torch.randn(5, requires_grad=True) * 1
    with torch.autograd.graph.saved_tensors_hooks(lambda one: kept.append(one) or one, lambda one: one):
        quick_gelu(x)
    assert len(kept) == 1
    assert kept[0].data_ptr() == x.data_ptr()
