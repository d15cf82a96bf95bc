"""A linear layer for inference that scales, and adds to its residual, inside the matrix product.

The weight stays where it is. Laid out anew for oneDNN, with bias and activation as its post-operations, it was slower:
experiments/speed/encoders.md.
"""

from __future__ import annotations

import torch
from torch import Tensor


class Linear:
    """Maps x [N, I] to scale * x W^T + b, [N, O], with W [O, I] and b [O]."""

    def __init__(self, weight: Tensor, bias: Tensor, scale: float = 1.0) -> None:
        self._weight = weight.t()
        self._bias = bias
        self._scale = scale

    def __call__(self, x: Tensor) -> Tensor:
        """Map [N, I] to [N, O]."""
        return torch.addmm(self._bias, x, self._weight, alpha=self._scale)

    def onto(self, x: Tensor, residual: Tensor) -> Tensor:
        """Map [N, I] and add it to a float32 residual [N, O], in place."""
        if x.dtype != residual.dtype:
            return residual.add_(self(x))
        return residual.add_(self._bias).addmm_(x, self._weight, alpha=self._scale)
