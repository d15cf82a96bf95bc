"""Encoding with an exported model in ONNX Runtime; the graph is made from the weights, without torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import starmap
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from medxpert.models.encoders.exported import ExportedEncoder
from medxpert.models.encoders.graph import Node, image_graph, text_graph
from medxpert.models.encoders.tokens import text_inputs
from medxpert.models.layers import EPSILON, Floats

_OPSET = 20
"""The first with Gelu."""
_IR = 10
_INSIDE_BYTES = 256


class OnnxEncoder(ExportedEncoder):
    """An exported CLIP in ONNX Runtime, in float32; equals the trained model to 1e-5.

    A tower is made ready when it is first used, for any batch.
    """

    batch = 32
    packages = ("onnx", "onnxruntime")
    extra = "onnx"

    def _images(self, pixels: NDArray[np.uint8]) -> Floats:
        return self._image.run({"pixels": pixels.astype(np.float32)})

    def _texts(self, tokens: NDArray[np.int64]) -> Floats:
        return self._text.run(text_inputs(tokens, self.weights))

    @cached_property
    def _image(self) -> _Session:
        on = _Operations()
        inputs = {"pixels": ("B", self.image_side, self.image_side)}
        return on.session(image_graph(on, "pixels", self.weights, self.architecture), inputs)

    @cached_property
    def _text(self) -> _Session:
        on = _Operations()
        inputs = {
            "x": ("B", "L", self.architecture.text.width),
            "ends": ("B",),
            "hidden": ("L", "L"),
            "seen": ("B", 1, 1, "L"),
        }
        return on.session(text_graph(on, [*inputs], self.weights, self.architecture), inputs)


def open_encoder(folder: Path) -> OnnxEncoder:
    """Open a model folder that `CLIP.export` wrote, as `ExportedEncoder.open` does."""
    return OnnxEncoder.open(folder)


class _Session(NamedTuple):
    """What runs a graph, and the arrays that it reads its weights from."""

    made: Any
    arrays: object

    def run(self, inputs: dict[str, NDArray]) -> Floats:
        (rows,) = self.made.run(None, inputs)
        return np.asarray(rows, np.float32)


class _Operations:
    """`graph.Operations` as nodes of ONNX; a value is known by its name."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._arrays: dict[str, NDArray] = {}

    def session(self, output: Node, inputs: Mapping[str, tuple[str | int, ...]]) -> _Session:
        """Return what runs the graph. Weights are handed over as arrays, since a graph ends at 2 GB."""
        import onnxruntime
        from onnx import TensorProto, helper

        types = {name: TensorProto.INT64 if name == "ends" else TensorProto.FLOAT for name in inputs}
        values = [helper.make_tensor_value_info(name, types[name], shape) for name, shape in inputs.items()]
        results = [helper.make_tensor_value_info(output, TensorProto.FLOAT, ("B", "D"))]
        graph = helper.make_graph(self._nodes, "tower", values, results, [*starmap(_held, self._arrays.items())])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR)
        options = onnxruntime.SessionOptions()
        outside = {name: array for name, array in self._arrays.items() if array.nbytes > _INSIDE_BYTES}
        held = [onnxruntime.OrtValue.ortvalue_from_numpy(array) for array in outside.values()]
        options.add_external_initializers(list(outside), held)
        made = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        return _Session(made, (self._arrays, held))

    def constant(self, value: NDArray) -> Node:
        name = f"c{len(self._arrays)}"
        self._arrays[name] = np.asarray(value, order="C")
        return name

    def matmul(self, left: Node, right: Node) -> Node:
        return self._node("MatMul", left, right)

    def add(self, left: Node, right: Node) -> Node:
        return self._node("Add", left, right)

    def norm(self, x: Node, weight: Floats, bias: Floats) -> Node:
        return self._node("LayerNormalization", x, self.constant(weight), self.constant(bias), epsilon=float(EPSILON))

    def activate(self, x: Node, activation: str) -> Node:
        if activation != "quick_gelu":
            return self._node({"gelu": "Gelu", "relu": "Relu"}[activation], x)
        return self._node(
            "Mul", x, self._node("Sigmoid", self._node("Mul", x, self.constant(np.array(1.702, np.float32))))
        )

    def softmax(self, x: Node) -> Node:
        return self._node("Softmax", x, axis=-1)

    def unit(self, x: Node) -> Node:
        return self._node("LpNormalization", x, axis=1, p=2)

    def reshape(self, x: Node, shape: Sequence[int]) -> Node:
        return self._node("Reshape", x, self.constant(np.array(shape)))

    def transpose(self, x: Node, axes: Sequence[int]) -> Node:
        return self._node("Transpose", x, perm=list(axes))

    def pick(self, x: Node, places: Node | int) -> Node:
        found = self.constant(np.array(places)) if isinstance(places, int) else places
        return self._node("Gather", x, found, axis=0)

    def lead(self, x: Node) -> Node:
        return self._node("Pad", x, self.constant(np.array((0, 1, 0, 0, 0, 0))))

    def convolve(self, x: Node, weight: Floats, bias: Floats, stride: int, padding: int) -> Node:
        arrays = self.constant(weight), self.constant(bias)
        return self._node("Conv", x, *arrays, strides=[stride] * 2, pads=[padding] * 4)

    def _node(self, kind: str, *inputs: Node, **attributes: Any) -> Node:
        from onnx import helper

        name = f"n{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name


def _held(name: str, array: NDArray) -> Any:
    """Put a small array, such as a shape, into the graph; describe a larger one, which is handed over beside it."""
    from onnx import TensorProto, helper, numpy_helper

    if array.nbytes <= _INSIDE_BYTES:
        return numpy_helper.from_array(array, name)
    proto = TensorProto(name=name, data_type=helper.np_dtype_to_tensor_dtype(array.dtype), dims=array.shape)
    proto.data_location = TensorProto.EXTERNAL
    proto.external_data.add(key="location", value="memory")
    return proto
