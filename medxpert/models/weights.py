"""Name and shape of every weight of a model. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from medxpert.errors import DataError
from medxpert.models.architecture import Architecture, Convolutional, Transformer

Shape = tuple[int, ...]
_NUM_SHOWN = 4


def weight_shapes(architecture: Architecture) -> dict[str, Shape]:
    """Name every weight and its shape; linear layers are [out, in], projections [width, embed_dim]."""
    text, width = architecture.text, architecture.embed_dim
    shapes: dict[str, Shape] = {"logit_scale": ()}
    shapes |= _image_shapes(architecture)
    shapes["text.embedding.tokens.weight"] = (architecture.vocab_size, text.width)
    shapes["text.embedding.positions"] = (architecture.context_length, text.width)
    shapes |= _transformer_shapes("text", text, width)
    if architecture.standardised:
        for name in ("image", "text"):
            shapes[f"{name}.standard.mean"] = shapes[f"{name}.standard.variance"] = (width,)
    return shapes


def check_weights(found: Mapping[str, Shape], architecture: Architecture, where: Path) -> None:
    """Compare names and shapes of weights with what the architecture needs, nothing more or less.

    Raises:
        DataError: they differ; the message shows the first few.
    """
    expected = weight_shapes(architecture)
    faults = [f"{name} is missing" for name in expected if name not in found]
    faults += [f"{name} is not part of the model" for name in found if name not in expected]
    faults += [
        f"{name} has shape {list(found[name])}, expected {list(shape)}"
        for name, shape in expected.items()
        if name in found and found[name] != shape
    ]
    if faults:
        more = f"; and {len(faults) - _NUM_SHOWN} more" if len(faults) > _NUM_SHOWN else ""
        raise DataError(
            f"{where}: does not hold the weights of {architecture.name}: {'; '.join(faults[:_NUM_SHOWN])}{more}"
        )


def _image_shapes(architecture: Architecture) -> dict[str, Shape]:
    size, channels = architecture.image, len(architecture.mean)
    if isinstance(size, Convolutional):
        return _convolution_shapes(architecture, size)
    shapes: dict[str, Shape] = {
        "image.embedding.patches.weight": (size.width, channels, architecture.patch, architecture.patch),
        "image.embedding.class_token": (size.width,),
        "image.embedding.positions": (architecture.num_image_tokens, size.width),
    }
    return (
        shapes | _norm("image.embedding.norm", size.width) | _transformer_shapes("image", size, architecture.embed_dim)
    )


def _convolution_shapes(architecture: Architecture, size: Convolutional) -> dict[str, Shape]:
    shapes: dict[str, Shape] = {}
    channels = (len(architecture.mean), *size.widths)
    for number, (width, stride) in enumerate(zip(size.widths, size.strides, strict=True)):
        name = f"image.blocks.{number}"
        shapes[f"{name}.shrink.weight"] = (width, channels[number], stride + 2, stride + 2)
        for place in (1, 2):
            shapes[f"{name}.conv{place}.weight"] = (width, width, 3, 3)
        for place in (1, 2, 3):
            shapes |= _norm(f"{name}.norm{place}", width)
            shapes[f"{name}.norm{place}.mean"] = shapes[f"{name}.norm{place}.variance"] = (width,)
    shapes |= _layer("image.cells", size.cell_width, size.widths[-1], 1, 1)
    num_values = size.cell_width * (architecture.image_side // size.patch) ** 2
    shapes["image.projection"] = (num_values, architecture.embed_dim)
    return shapes


def _transformer_shapes(name: str, size: Transformer, embed_dim: int) -> dict[str, Shape]:
    shapes = _norm(f"{name}.norm", size.width)
    for number in range(size.blocks):
        shapes |= _block_shapes(f"{name}.blocks.{number}", size.width)
    shapes[f"{name}.projection"] = (size.width, embed_dim)
    return shapes


def _block_shapes(name: str, width: int) -> dict[str, Shape]:
    return (
        _norm(f"{name}.norm1", width)
        | _layer(f"{name}.qkv", 3 * width, width)
        | _layer(f"{name}.out", width, width)
        | _norm(f"{name}.norm2", width)
        | _layer(f"{name}.fc1", 4 * width, width)
        | _layer(f"{name}.fc2", width, 4 * width)
    )


def _layer(name: str, out: int, *rest: int) -> dict[str, Shape]:
    return {f"{name}.weight": (out, *rest), f"{name}.bias": (out,)}


def _norm(name: str, width: int) -> dict[str, Shape]:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}
