"""A gallery's images and texts, as train.py and embed.py encode them, against open_clip in float32 and OpenVINO."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import torch
from encoding import REPORTS, image_work, pixels, reports
from encoding_flops import image_flops, text_flops
from limits import matmul_gflops
from numpy.typing import NDArray
from sides import images_openvino, images_ours, images_stock, texts_ours, texts_stock
from stock_encoding import by_batches, compiled, convert, text_rows
from timing import Pair, Row, grown, paired, peaks
from training import Setting

from medxpert.embedding import embed_texts

_BATCH = 32
_TEXT_BATCH = 64
_COSINE = 0.9999


class Sizes(NamedTuple):
    """How much is encoded in a repeat."""

    images: int
    texts: int
    real_reports: int
    """Where there are any: the more there are, the more of them begin alike, as in a gallery."""
    stock_texts: int
    """The stock way pads every text to 77 tokens, so each costs it the same, and a few tell the rate."""
    repeats: int


_FULL, _SMALL = Sizes(64, 384, 3400, 128, 2), Sizes(6, 24, 24, 12, 1)


def encode_image(quick: bool) -> Row:
    """Measure a gallery's images against open_clip."""
    sizes = _SMALL if quick else _FULL
    with TemporaryDirectory() as name:
        setting = Setting(quick, Path(name))
        stock = setting.stock.model.eval()
        shown, ready = _drawn(setting, sizes)
        other = partial(_turn, lambda images: by_batches(stock.encode_image, images, _BATCH), ready)
        alone = partial(images_stock, setting.architecture, str(setting.weights), _saved(setting, ready[0]), _BATCH)
        return _image_row("encode_image", 2.5, setting, sizes, shown, other, alone)


def encode_vs_openvino(quick: bool) -> Row:
    """Measure a gallery's images against open_clip's tower converted to OpenVINO."""
    sizes = _SMALL if quick else _FULL
    with TemporaryDirectory() as name:
        setting = Setting(quick, Path(name))
        shown, ready = _drawn(setting, sizes)
        path, images = setting.folder / "visual.xml", setting.folder / "ready.npy"
        convert(setting.stock.model.eval().visual, ready[0][:_BATCH], path)
        np.save(images, ready[0].numpy())
        hints = torch.get_num_threads(), setting.dtype
        tower = compiled(str(path), *hints)

        def encode(part: torch.Tensor) -> torch.Tensor:
            return torch.from_numpy(tower(part.numpy())[0].copy())

        other = partial(_turn, lambda images: by_batches(encode, images, _BATCH), ready)
        alone = partial(images_openvino, str(path), str(images), _BATCH, *hints)
        return _image_row("encode_vs_openvino", 0.95, setting, sizes, shown, other, alone)


def encode_text(quick: bool) -> Row:
    """Measure a gallery's reports against open_clip, which reads 77 tokens of each."""
    sizes = _SMALL if quick else _FULL
    count = sizes.real_reports if os.environ.get(REPORTS) else sizes.texts
    given = reports(count)
    drawn = [np.random.default_rng(seed).permutation(given.texts)[:count].tolist() for seed in range(3)]
    with TemporaryDirectory() as name:
        setting = Setting(quick, Path(name))
        stock, model = setting.stock.model.eval(), setting.model

        def ours(repeat: int) -> NDArray:
            return embed_texts(model, drawn[repeat % 3], _TEXT_BATCH)

        def other(repeat: int) -> NDArray:
            return text_rows(stock, drawn[repeat % 3][: sizes.stock_texts], _TEXT_BATCH)

        apart = _compare(ours(0)[: sizes.stock_texts], other(0))
        pair = paired(ours, other, sizes.repeats, warmups=0)  # the comparison warmed both
        growth = grown(lambda size: embed_texts(model, drawn[0][:size], _TEXT_BATCH), _quarters(min(count, 256)), 1)
        needed = text_flops(model, drawn[0], _TEXT_BATCH)
        memory = peaks(
            partial(texts_ours, quick, name, drawn[0], _TEXT_BATCH),
            partial(
                texts_stock, setting.architecture, str(setting.weights), drawn[0][: sizes.stock_texts], _TEXT_BATCH
            ),
        )
    rates = count / pair.ours.seconds, sizes.stock_texts / pair.stock.seconds
    limit = matmul_gflops(setting.dtype) * 1e9 / (needed.flops / count)
    return Row(
        name="encode_text",
        work=f"{count} {given.source}, {setting.architecture.name}, batches of {_TEXT_BATCH}",
        stock_way="open_clip, float32, 77 tokens",
        ratio=rates[0] / rates[1],
        target=3.0,
        ours=rates[0],
        stock=rates[1],
        unit="texts/s",
        limit=f"matmul peak, {setting.dtype}, over the operations of the tokens that differ",
        value=limit,
        share_of_limit=rates[0] / limit,
        peak_memory_mb=memory,
        growth=growth,
        notes=(
            apart,
            given.note,
            needed.note,
            f"the stock way is timed on {sizes.stock_texts} texts, each as costly as any",
        ),
    )


ROWS: dict[str, Callable[[bool], Row]] = {
    "encode_image": encode_image,
    "encode_text": encode_text,
    "encode_vs_openvino": encode_vs_openvino,
}


def _image_row(
    name: str,
    target: float,
    setting: Setting,
    sizes: Sizes,
    shown: Sequence[NDArray[np.uint8]],
    other: Callable[[int], NDArray],
    alone: Callable[[], None],
) -> Row:
    ours = image_work(setting.model, shown, _BATCH)
    apart = _compare(ours(0), other(0))
    pair: Pair = paired(ours, other, sizes.repeats)
    rate = sizes.images / pair.ours.seconds
    limit = matmul_gflops(setting.dtype) * 1e9 / image_flops(setting.architecture)
    size_of = {size: image_work(setting.model, [shown[0][:size]], _BATCH) for size in _quarters(sizes.images)}
    against = "open_clip's tower in OpenVINO" if "openvino" in name else "open_clip, float32, images scaled beforehand"
    return Row(
        name=name,
        work=f"{sizes.images} images, {setting.architecture.name}, batches of {_BATCH}",
        stock_way=against,
        ratio=pair.ratio,
        target=target,
        ours=rate,
        stock=sizes.images / pair.stock.seconds,
        unit="images/s",
        limit=f"matmul peak, {setting.dtype}",
        value=limit,
        share_of_limit=rate / limit,
        peak_memory_mb=peaks(
            partial(images_ours, setting.quick, str(setting.folder), sizes.images, _BATCH),
            alone,
        ),
        growth=grown(lambda size: size_of[size](0), list(size_of), 1),
        notes=(apart, f"ours computes in {setting.dtype}"),
    )


def _drawn(setting: Setting, sizes: Sizes) -> tuple[list[NDArray[np.uint8]], list[torch.Tensor]]:
    """Draw the images of each repeat, and normalise them as the stock way's transform does."""
    shown = [pixels(setting.architecture, sizes.images, seed) for seed in range(sizes.repeats + 1)]
    scale = setting.model.image.embedding.pixels
    return shown, [scale(torch.from_numpy(one)).contiguous() for one in shown]


def _turn(work: Callable[[torch.Tensor], NDArray], ready: Sequence[torch.Tensor], repeat: int) -> NDArray:
    return work(ready[repeat % len(ready)])


def _saved(setting: Setting, ready: torch.Tensor) -> str:
    path = setting.folder / "ready.pt"
    torch.save(ready, path)
    return str(path)


def _compare(ours: NDArray, stock: NDArray) -> str:
    """Say how far rows are apart; ours are kept in float16.

    Raises:
        ValueError: they are not the same embeddings.
    """
    rows = ours.astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    cosine = float((rows * stock).sum(axis=1).min())
    if cosine < _COSINE:
        raise ValueError(f"expected the same embeddings, found a cosine of {cosine:.6f}")
    return f"least cosine to the stock way's rows {cosine:.6f}, largest difference {np.abs(rows - stock).max():.1e}"


def _quarters(count: int) -> tuple[int, int, int]:
    return max(count // 4, 1), max(count // 2, 2), count
