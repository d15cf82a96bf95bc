"""A run as two ONNX graphs, image.onnx and text.onnx, that need nothing but a runtime and a tokenizer file."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.export import Dim

from medxpert.errors import DataError, MissingExtraError
from medxpert.folders import write_json
from medxpert.images.resize import Fit
from medxpert.models.architecture import Architecture
from medxpert.models.clip import CLIP
from medxpert.models.exchange.sample import Rows, Sample
from medxpert.models.exchange.tokens import write_tokenizers

LIBRARY = "onnxruntime"
TOLERANCE = 1e-4
_OUTPUT = "embeddings"


def check(architecture: Architecture) -> None:
    """Refuse to start without the packages; every architecture can be written.

    Raises:
        MissingExtraError: a package is not installed.
    """
    for package in ("onnx", "onnxscript", "onnxruntime"):
        if find_spec(package) is None:
            raise MissingExtraError(package, "onnx")


def write(model: CLIP, folder: Path, fit: Fit) -> None:
    """Write both graphs, the tokenizer and a description of inputs and outputs into an existing folder."""
    batch = Dim("batch")
    length = Dim("length", min=2, max=model.architecture.context_length)
    pixels = torch.zeros(2, model.image_side, model.image_side, dtype=torch.uint8)
    tokens = torch.from_numpy(model.tokenizer(["a chest", "a radiograph of a chest"]))
    _write_graph(_Images(model), "pixels", pixels, {0: batch}, folder / "image.onnx")
    _write_graph(_Texts(model), "tokens", tokens, {0: batch, 1: length}, folder / "text.onnx")
    write_tokenizers(model.tokenizer, folder / "tokenizer.json")
    write_json(folder / "model.json", _description(model, fit))


def read(folder: Path, sample: Sample) -> Rows:
    """Run the graphs as a user would, and encode a sample with nothing of ours.

    Raises:
        DataError: the checker of ONNX finds a fault in what was written.
    """
    from tokenizers import Tokenizer

    encoded = Tokenizer.from_file(str(folder / "tokenizer.json")).encode_batch(sample.texts)
    tokens = np.array([one.ids for one in encoded], np.int64)
    image = _run(folder / "image.onnx", pixels=sample.pixels)
    text = _run(folder / "text.onnx", tokens=tokens)
    alone = _run(folder / "image.onnx", pixels=sample.pixels[:1]), _run(folder / "text.onnx", tokens=tokens[:1])
    # a graph that took its example's batch for a constant would differ here, or refuse
    return Rows(np.concatenate([alone[0], image[1:]]), np.concatenate([alone[1], text[1:]]))


class _Images(nn.Module):
    def __init__(self, model: CLIP) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: Tensor) -> Tensor:
        return self.model.encode_image(pixels)


class _Texts(nn.Module):
    def __init__(self, model: CLIP) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: Tensor) -> Tensor:
        return self.model.encode_text(tokens)


def _write_graph(tower: nn.Module, name: str, example: Tensor, sizes: dict[int, Any], path: Path) -> None:
    import onnx

    with _quiet(), torch.no_grad():
        # strict: Python's len() of a tensor would else make a constant of the batch
        traced = torch.export.export(tower.eval(), (example,), dynamic_shapes={name: sizes}, strict=True)
        graph = torch.onnx.export(
            traced, dynamo=True, input_names=[name], output_names=[_OUTPUT], verbose=False, external_data=False
        )
    if graph is None:
        raise DataError(f"torch.onnx wrote no graph for {path.name}; try another version of torch and report it")
    proto = graph.model_proto
    _strip(proto)
    _name_sizes(proto.graph, [size.__name__ for size in sizes.values()])
    onnx.save(proto, path)


def _strip(proto: Any) -> None:
    """Take out what the exporter notes for its own authors: stack traces with the paths of this machine."""
    graph = proto.graph
    del graph.value_info[:]
    for part in (proto, graph, *graph.node, *graph.input, *graph.output, *graph.initializer, *proto.functions):
        part.doc_string = ""
        del part.metadata_props[:]


def _name_sizes(graph: Any, names: list[str]) -> None:
    """Call the sizes that may change by their names instead of the tracer's symbols."""
    (source,) = graph.input
    symbols = [size.dim_param for size in source.type.tensor_type.shape.dim if size.dim_param]
    known = dict(zip(symbols, names, strict=True))
    for value in (source, *graph.output):
        for size in value.type.tensor_type.shape.dim:
            if size.dim_param:
                size.dim_param = known[size.dim_param]


def _run(path: Path, **inputs: np.ndarray) -> Any:
    import onnx
    from onnxruntime import InferenceSession

    try:
        onnx.checker.check_model(path, full_check=True)
    except onnx.checker.ValidationError as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{path.name} is no valid graph ({reason}); try another version of torch") from error
    session = InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run([_OUTPUT], inputs)[0]


def _description(model: CLIP, fit: Fit) -> dict[str, Any]:
    size = model.architecture
    return {
        "image": {
            "file": "image.onnx",
            "input": {"pixels": ["batch", size.image_side, size.image_side], "dtype": "uint8"},
            "meaning": "grey levels 0..255, bone white; mean and std are applied within the graph",
            "image_side": size.image_side,
            "fit": fit,
            "resampling": "bicubic",
            "padding": 0,
            "mean": list(size.mean),
            "std": list(size.std),
        },
        "text": {
            "file": "text.onnx",
            "input": {"tokens": ["batch", "length"], "dtype": "int64"},
            "context_length": size.context_length,
            "vocab_size": size.vocab_size,
            "end_of_text": model.tokenizer.vocab_size - 1,
            "tokenizer": "tokenizer.json",
        },
        "output": {_OUTPUT: ["batch", size.embed_dim], "dtype": "float32", "norm": 1},
        "logit_scale": float(model.logit_scale.detach().exp()),
    }


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's remarks about its own insides off the terminal."""
    insides = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    before = [logger.level for logger in insides]
    for logger in insides:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(insides, before, strict=True):
            logger.setLevel(level)
