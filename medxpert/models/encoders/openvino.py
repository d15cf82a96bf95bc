"""Encoding with an exported model in OpenVINO; the graph is made from the weights, without torch."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medxpert.config.hardware import fast_precision
from medxpert.models.encoders.exported import ExportedEncoder
from medxpert.models.encoders.graph import Node, image_graph, text_graph
from medxpert.models.encoders.tokens import text_inputs
from medxpert.models.layers import EPSILON, Floats


class OpenvinoEncoder(ExportedEncoder):
    """An exported CLIP in OpenVINO; float32 equals the trained model to 1e-5, bfloat16 to a cosine of 0.9999.

    A tower is compiled when it is first used, for any batch.
    """

    batch = 32
    packages = ("openvino",)
    extra = "openvino"

    def _images(self, pixels: NDArray[np.uint8]) -> Floats:
        return np.array(self._image([pixels.astype(np.float32)])[0], np.float32)

    def _texts(self, tokens: NDArray[np.int64]) -> Floats:
        return np.array(self._text(list(text_inputs(tokens, self.weights).values()))[0], np.float32)

    @cached_property
    def _image(self) -> Any:
        side = self.image_side
        pixels = _input("pixels", (-1, side, side))
        return _compiled(image_graph(_Operations(), pixels, self.weights, self.architecture), [pixels])

    @cached_property
    def _text(self) -> Any:
        width = self.architecture.text.width
        inputs = [
            _input("x", (-1, -1, width)),
            _input("ends", (-1,), np.int64),
            _input("hidden", (-1, -1)),
            _input("seen", (-1, 1, 1, -1)),
        ]
        return _compiled(text_graph(_Operations(), inputs, self.weights, self.architecture), inputs)


def open_encoder(folder: Path) -> OpenvinoEncoder:
    """Open a model folder that `CLIP.export` wrote, as `ExportedEncoder.open` does."""
    return OpenvinoEncoder.open(folder)


def _input(name: str, shape: Sequence[int], dtype: type = np.float32) -> Node:
    from openvino import opset13 as ops

    return ops.parameter(list(shape), dtype, name)


def _compiled(output: Node, inputs: Sequence[Node]) -> Any:
    import openvino

    precision = "bf16" if fast_precision().startswith("bf16") else "f32"
    model = openvino.Model([output], list(inputs), "tower")
    return _core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY"})


@cache
def _core() -> Any:
    """Return the one core of this process, which is never given up.

    The CPU plugin of every core gives the thread a signal stack and, at its end, the one before it: with two of them
    that end in the order of their beginning, the thread is left with memory that is gone, and dies of the next signal.
    """
    import openvino

    return openvino.Core()


class _Operations:
    """`graph.Operations` as nodes of OpenVINO."""

    def __init__(self) -> None:
        from openvino import opset13

        self._ops = opset13

    def constant(self, value: NDArray) -> Node:
        return self._ops.constant(np.asarray(value, order="C"))

    def matmul(self, left: Node, right: Node) -> Node:
        return self._ops.matmul(left, right, False, False)

    def add(self, left: Node, right: Node) -> Node:
        return self._ops.add(left, right)

    def norm(self, x: Node, weight: Floats, bias: Floats) -> Node:
        standard = self._ops.mvn(x, self.constant(np.array([-1])), True, float(EPSILON), "INSIDE_SQRT")
        return self.add(self._ops.multiply(standard, self.constant(weight)), self.constant(bias))

    def activate(self, x: Node, activation: str) -> Node:
        if activation == "relu":
            return self._ops.relu(x)
        if activation == "gelu":
            return self._ops.gelu(x, "ERF")
        return self._ops.swish(x, self.constant(np.array(1.702, np.float32)))

    def softmax(self, x: Node) -> Node:
        return self._ops.softmax(x, -1)

    def unit(self, x: Node) -> Node:
        return self._ops.normalize_l2(x, self.constant(np.array([1])), 1e-20, "add")

    def reshape(self, x: Node, shape: Sequence[int]) -> Node:
        return self._ops.reshape(x, self.constant(np.array(shape)), True)

    def transpose(self, x: Node, axes: Sequence[int]) -> Node:
        return self._ops.transpose(x, self.constant(np.array(axes)))

    def pick(self, x: Node, places: Node | int) -> Node:
        found = self.constant(np.array(places)) if isinstance(places, int) else places
        return self._ops.gather(x, found, self.constant(np.array(0)))

    def lead(self, x: Node) -> Node:
        before, after = (self.constant(np.array(one)) for one in ((0, 1, 0), (0, 0, 0)))
        return self._ops.pad(x, before, after, "constant", self.constant(np.array(0, np.float32)))

    def convolve(self, x: Node, weight: Floats, bias: Floats, stride: int, padding: int) -> Node:
        around = [padding] * 2
        out = self._ops.convolution(x, self.constant(weight), [stride] * 2, around, around, [1, 1])
        return self.add(out, self.constant(bias[:, None, None]))
