"""Frozen weights in the precision of the computation, beside the ones that are kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import NamedTuple, Self

import torch
from torch import Tensor, nn

_LOWERED = (nn.Linear, nn.Conv2d)
"""The layers that autocast computes in its dtype."""
_WHOLE = (Tensor, nn.Parameter)
"""Not the subclass for weights that are divided among processes, whose import takes a second."""


class _Made(NamedTuple):
    state: object
    copies: list[nn.Module]


class Lowered:
    """Frozen modules as autocast would cast them at every step, made once.

    Only the matrices are copied, 2 bytes a weight in bfloat16; norms, positions and statistics are shared. The copies
    belong to no module: no state, checkpoint or export has them. They are made anew when the weights have changed,
    as autograd's version counter tells it; writing through `.data` escapes it.
    """

    def __init__(self) -> None:
        self._made: _Made | None = None

    def of(self, modules: Iterable[nn.Module], device: str) -> list[nn.Module]:
        """Return modules that compute the same on a kind of device; the given ones where no autocast is on.

        Weights divided among processes are cast at every step, since no process has them all.
        """
        modules = list(modules)
        tensors = [tensor for module in modules for tensor in module.parameters()]  # buffers are shared
        if not torch.is_autocast_enabled(device) or any(type(tensor) not in _WHOLE for tensor in tensors):
            return modules
        dtype = torch.get_autocast_dtype(device)
        state = (dtype, [(tensor.data_ptr(), tensor._version, tensor.device) for tensor in tensors])
        if self._made is None or self._made.state != state:
            self._made = _Made(state, [_lowered(module, dtype) for module in modules])
        return self._made.copies

    def __deepcopy__(self, memo: Mapping[int, object]) -> Self:
        return type(self)()

    def __getstate__(self) -> dict[str, object]:
        return {"_made": None}


def _tensors(module: nn.Module) -> list[Tensor]:
    return [*module.parameters(), *module.buffers()]


def _lowered(module: nn.Module, dtype: torch.dtype) -> nn.Module:
    """Copy a module that shares its weights, except the matrices."""
    copy = deepcopy(module, {id(tensor): tensor for tensor in _tensors(module)})
    for layer in copy.modules():
        if isinstance(layer, _LOWERED):
            for name, weight in layer.named_parameters(recurse=False):
                setattr(layer, name, nn.Parameter(weight.detach().to(dtype), requires_grad=False))
    return copy
