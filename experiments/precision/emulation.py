"""bfloat16 on a machine without instructions for it: float32 products of rounded numbers.

torch's own products in bfloat16 take hundreds of times as long there. What autocast changes is the same here: every
matrix product, convolution and attention gets its inputs rounded to bfloat16, sums in float32 and gives a rounded
result; so do the products of the backward pass, by the rounding of what goes back through them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

_PRODUCTS = frozenset(
    {F.linear, F.conv2d, F.scaled_dot_product_attention, torch.matmul, Tensor.matmul, Tensor.__matmul__, torch.mm}
)
_BY_TENSOR = frozenset({Tensor.__rmatmul__})


class EmulatedBF16(TorchFunctionMode):
    """Rounds what goes into and comes out of every product, forward and backward."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call a function of torch on rounded tensors if it is a product."""
        given = kwargs or {}
        if func not in _PRODUCTS | _BY_TENSOR:
            return func(*args, **given)
        return _round(func(*(_round(one) for one in args), **{name: _round(one) for name, one in given.items()}))


class _Round(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return _rounded(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return _rounded(gradients[0])


def _round(x: Any) -> Any:
    if isinstance(x, Tensor) and x.dtype == torch.float32:
        return _Round.apply(x)
    return x


def _rounded(x: Tensor) -> Tensor:
    return x.bfloat16().float()
