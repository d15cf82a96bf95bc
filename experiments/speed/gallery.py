"""The vectors of the search rows: studies embedded by the default run, and as many rows as MIMIC-CXR has images.

$ python experiments/speed/gallery.py    # built once, 5 to 10 minutes on 2 cores; kept under MEDXPERT_CACHE

The default run's space has 128 dimensions and a published CLIP's 512. The 512 here are read off the same frozen towers:
a projection of 2,048 and 128 values to 512 each in place of 128, fitted by the run's loss on 8,000 of its studies.
Rows beyond the 30,000 studies are further films of these: the image row plus a draw from the covariance of the
difference between two films of one study, which is measured on 1,500 studies filmed twice.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from shutil import rmtree
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from medxpert.data.readers.phantom import read
from medxpert.data.store import default_cache
from medxpert.folders import atomic_file, atomic_folder, read_json
from medxpert.indexes.writing import side_rows
from medxpert.run import open_run
from medxpert.words import Image, Study

NUM_STUDIES = 30_000
NUM_ROWS = 377_110
"""Images of MIMIC-CXR."""
WIDTH = 512
_NUM_QUERIES, _NUM_TUNING = 1600, 800
"""Of images: a run tunes an index with those of as many validation studies, and with their texts."""
_NUM_TWICE = 1500
_NUM_FITTED = 8000
_EPOCHS = 8
_BATCH = 128
_PART = 125
"""Studies embedded at once."""
_SEED = 0
_VERSION = 3
_HELD: dict[str, Any] = {}
_RUN = Path(__file__).parents[2] / "outputs" / "latest"


class Rows(NamedTuple):
    """Unit rows of the images and of the texts of N studies, float32 [N, D]."""

    image: NDArray[np.float32]
    text: NDArray[np.float32]


class Vectors(NamedTuple):
    """What is indexed, as `match=both` has it, and images of other patients that ask, all unit rows.

    Attributes:
        vectors: [N, D].
        queries: [Q, D], which measure.
        tuning: [Q, D], which tell an approximate index what will be asked.
    """

    vectors: NDArray[np.float32]
    queries: NDArray[np.float32]
    tuning: NDArray[np.float32]


class Values(NamedTuple):
    """What the towers of the run hold below their projections, float32 [N, W], and its own rows, [N, 128]."""

    cells: NDArray[np.float32]
    pooled: NDArray[np.float32]
    image: NDArray[np.float32]
    text: NDArray[np.float32]


def studies(width: int = WIDTH) -> Vectors:
    """Return the 30,000 studies in 512 dimensions, or in the run's own 128."""
    return _read(f"studies_{width}", width)


def large() -> Vectors:
    """Return the 377,110 rows in 512 dimensions."""
    return _read("large", WIDTH)


def _read(name: str, width: int) -> Vectors:
    folder = built()
    asking = np.load(folder / f"queries_{width}.npy")
    return Vectors(np.load(folder / f"{name}.npy", mmap_mode="r"), asking[:_NUM_QUERIES], asking[_NUM_QUERIES:])


def drawn(num_rows: int, num_queries: int = 128, width: int = 64, seed: int = 0) -> Vectors:
    """Draw clustered unit rows, for a trial of the code."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((max(num_rows // 50, 2), width))
    rows = centres[rng.integers(len(centres), size=num_rows + num_queries)]
    rows = _unit((rows + 0.7 * rng.standard_normal(rows.shape)).astype(np.float32))
    return Vectors(rows[:num_rows], rows[num_rows::2], rows[num_rows + 1 :: 2])


def built() -> Path:
    """Return the folder of the arrays, building it first when there is none for this run's weights."""
    run = open_run(_RUN)
    weights: str = read_json(run.model / "model.json")["fingerprint"]
    folder = default_cache() / "speed" / f"gallery-{_VERSION}-{weights[:16]}"
    if not folder.is_dir():
        parts = folder.with_name(f"{folder.name}-parts")
        with atomic_folder(folder) as sibling:
            _write(sibling, run.model, parts)
        rmtree(parts)
    return folder


def _write(folder: Path, model: Path, parts: Path) -> None:
    needed = NUM_STUDIES * 5 // 4 + 2000
    train = list(islice(read("train", num_studies=needed), NUM_STUDIES))
    asking = list(islice(read("test", num_studies=needed), _NUM_QUERIES + _NUM_TUNING))
    twice = list(islice(read("train", num_studies=needed, num_images=2), _NUM_TWICE))
    work = {"studies": (train, 0), "queries": (asking, 0), "again": (twice, 1)}
    held, asked, again = (_values(model, *one, parts / name) for name, one in work.items())
    to_image, to_text = _widened(held)
    rows = Rows(to_image(held.cells), to_text(held.pooled))
    _save(folder, 128, Rows(held.image, held.text), asked.image)
    _save(folder, WIDTH, rows, to_image(asked.cells))
    differences = to_image(again.cells) - rows.image[:_NUM_TWICE]
    _write_large(folder, rows, differences)


def _save(folder: Path, width: int, rows: Rows, queries: NDArray[np.float32]) -> None:
    np.save(folder / f"queries_{width}.npy", queries)
    np.save(folder / f"studies_{width}.npy", side_rows(rows, "both"))


def _write_large(folder: Path, rows: Rows, differences: NDArray[np.float32]) -> None:
    """Write the studies, then further films of them, by turns."""
    rng = np.random.default_rng(_SEED)
    # two films differ by twice the variance of one about their mean
    root = np.linalg.cholesky(np.cov(differences.T) / 2 + 1e-12 * np.eye(WIDTH)).astype(np.float32)
    large = np.lib.format.open_memmap(folder / "large.npy", "w+", np.float32, (NUM_ROWS, WIDTH))
    for start in range(0, NUM_ROWS, NUM_STUDIES):
        count = min(NUM_STUDIES, NUM_ROWS - start)
        noise = rng.standard_normal((count, WIDTH), dtype=np.float32) @ root.T if start else 0
        films = Rows(_unit(rows.image[:count] + noise), rows.text[:count])
        large[start : start + count] = side_rows(films, "both")
    large.flush()


def _values(model: Path, chosen: Sequence[Study], film: int, parts: Path) -> Values:
    """Run the towers over one film of each study, in processes of one thread; parts that exist are not made again."""
    parts.mkdir(parents=True, exist_ok=True)
    work = [(parts / f"{start:06d}.npz", chosen[start : start + _PART]) for start in range(0, len(chosen), _PART)]
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn"), initializer=_open, initargs=(model,)) as pool:
        for done, _ in enumerate(pool.map(_embed, *zip(*work, strict=True), [film] * len(work)), start=1):
            logging.info("%s: %d of %d parts", parts.name, done, len(work))
    loaded = [np.load(path) for path, _ in work]
    return Values(*(np.concatenate([one[name] for one in loaded]).astype(np.float32) for name in Values._fields))


def _open(model: Path) -> None:
    """Let this process hold the run's model, and what enters its projections."""
    import torch

    from medxpert.models.clip import open_model

    torch.set_num_threads(1)
    clip = open_model(model).eval()
    clip.image.cells.register_forward_hook(lambda _module, _given, made: _HELD.update(cells=made.flatten(1)))
    clip.text.norm.register_forward_hook(lambda _module, _given, made: _HELD.update(pooled=made))
    _HELD["clip"] = clip


def _embed(path: Path, chosen: Sequence[Study], film: int) -> None:
    import torch

    if path.is_file():
        return
    clip = _HELD["clip"]
    films = np.stack([_pixels(study.images[film]) for study in chosen])
    texts = [max(one.findings, one.impression, key=len) for one in chosen]
    with torch.inference_mode():
        image = clip.encode_image(torch.from_numpy(films))
        text = clip.encode_text(torch.from_numpy(clip.tokenizer(texts)))
    rows = {"cells": _HELD["cells"], "pooled": _HELD["pooled"], "image": image, "text": text}
    with atomic_file(path) as sibling:
        np.savez(sibling, **{name: one.float().numpy() for name, one in rows.items()})


def _pixels(image: Image) -> NDArray[np.uint8]:
    pixels = image.read()
    if not isinstance(pixels, np.ndarray):
        raise TypeError("the phantom renders its films")
    return pixels


class _Projection:
    """A fitted projection to unit rows of 512 values, standardised as the run's own."""

    def __init__(self, weight: NDArray[np.float32], values: NDArray[np.float32]) -> None:
        self._weight = weight
        made = values @ weight
        self._mean, self._deviation = made.mean(axis=0), made.std(axis=0)

    def __call__(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        return _unit((values @ self._weight - self._mean) / self._deviation)


def _widened(held: Values) -> tuple[_Projection, _Projection]:
    """Fit both projections by InfoNCE on the frozen values of the towers."""
    import torch

    from medxpert.losses.info_nce import info_nce
    from medxpert.models.normalisation import BatchNorm

    torch.manual_seed(_SEED)
    inputs = [torch.from_numpy(one[:_NUM_FITTED]) for one in (held.cells, held.pooled)]
    weights = [torch.nn.Parameter(torch.randn(one.shape[1], WIDTH) * one.shape[1] ** -0.5) for one in inputs]
    scale = torch.nn.Parameter(torch.tensor(1 / 0.07).log())
    norm = BatchNorm(WIDTH, gain=None)
    optimizer = torch.optim.AdamW([*weights, scale], lr=1e-3, weight_decay=0.1)
    for _ in range(_EPOCHS):
        for part in torch.randperm(len(inputs[0])).split(_BATCH):
            rows = [
                torch.nn.functional.normalize(norm(one[part] @ weight), dim=-1)
                for one, weight in zip(inputs, weights, strict=True)
            ]
            optimizer.zero_grad()
            info_nce(*rows, scale.exp()).backward()
            optimizer.step()
    image, text = (
        _Projection(weight.detach().numpy(), one[:_NUM_FITTED].numpy())
        for weight, one in zip(weights, inputs, strict=True)
    )
    return image, text


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.info("%s", built())
