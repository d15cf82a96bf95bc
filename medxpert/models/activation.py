"""The activation of CLIP's published weights, with little memory traffic."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

_SLOPE = 1.702


def quick_gelu(x: Tensor) -> Tensor:
    """Return x * sigmoid(1.702 x) (Hendrycks and Gimpel, arXiv:1606.08415), keeping one tensor for the backward pass.

    Plain autograd would keep three and go over them five times.
    """
    if torch.is_grad_enabled() and x.requires_grad:
        return _QuickGELU.apply(x)
    return _value(x)


class _QuickGELU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return _value(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        # quick_gelu(x) is silu(1.702 x) / 1.702, and the factors cancel in its derivative
        (x,) = ctx.saved_tensors
        return torch.ops.aten.silu_backward(gradients[0], x * _SLOPE)


def _value(x: Tensor) -> Tensor:
    return (x * _SLOPE).sigmoid_().mul_(x)
