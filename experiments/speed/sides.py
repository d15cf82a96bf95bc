"""What one side of a row does, for the fresh process in which its memory is taken; see `timing.peaks`.

Every function imports what it needs itself: what is imported at the top would count for both sides.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any


def train_ours(quick: bool, folder: str, batch_size: int, count: int, cached: bool) -> None:
    """Take steps with the weights and stores of a folder, and with its cache of the frozen prefix."""
    from stock import steps
    from training import Setting

    setting = Setting(quick, Path(folder))
    if cached:
        from rows.cached import made

        module, data = made(setting, batch_size)
    else:
        module, data = setting.module(), setting.data(batch_size)
    steps(module, data, count, setting.precision)


def train_stock(size: Any, weights: str, shown: str, count: int, precision: str) -> None:
    """Take steps on the batches of a file."""
    import torch
    from stock import Stock, steps, stored_model
    from torch.utils.data import DataLoader

    steps(Stock(stored_model(size, Path(weights))), DataLoader(torch.load(shown), batch_size=None), count, precision)


def images_ours(quick: bool, folder: str, count: int, batch_size: int) -> None:
    """Encode images as train.py and embed.py do."""
    from encoding import image_work, pixels
    from training import Setting

    setting = Setting(quick, Path(folder))
    image_work(setting.model, [pixels(setting.architecture, count, 0)], batch_size)(0)


def images_stock(size: Any, weights: str, ready: str, batch_size: int) -> None:
    """Encode the scaled images of a file with open_clip."""
    import torch
    from stock import stored_model

    model = stored_model(size, Path(weights)).eval()
    with torch.inference_mode():
        for part in torch.load(ready).split(batch_size):
            torch.nn.functional.normalize(model.encode_image(part), dim=-1)


def images_openvino(converted: str, ready: str, batch_size: int, threads: int, precision: str) -> None:
    """Encode the scaled images of a file with OpenVINO."""
    import numpy as np
    from stock_encoding import compiled

    model, images = compiled(converted, threads, precision), np.load(ready)
    for at in range(0, len(images), batch_size):
        rows = model(images[at : at + batch_size])[0]
        rows / np.linalg.norm(rows, axis=1, keepdims=True)


def texts_ours(quick: bool, folder: str, texts: Sequence[str], batch_size: int) -> None:
    """Encode texts as train.py and embed.py do."""
    from training import Setting

    from medxpert.embedding import embed_texts

    embed_texts(Setting(quick, Path(folder)).model, texts, batch_size)


def texts_stock(size: Any, weights: str, texts: Sequence[str], batch_size: int) -> None:
    """Encode texts with open_clip."""
    from stock import stored_model
    from stock_encoding import text_rows

    text_rows(stored_model(size, Path(weights)).eval(), texts, batch_size)


def recall_ours(num_studies: int, seed: int) -> None:
    """Measure a split."""
    from rows.recall import ours, split

    ours(split(num_studies, seed))


def recall_stock(num_studies: int, seed: int) -> None:
    """Measure a split with torchmetrics."""
    from rows.recall import split, stock

    stock(split(num_studies, seed))


def decode_ours(paths: Sequence[Path]) -> None:
    """Decode films."""
    from preparing import ours

    for path in paths:
        ours(path)


def decode_stock(paths: Sequence[Path]) -> None:
    """Decode films with PIL and open_clip's transform."""
    from preparing import stock

    for path in paths:
        stock(path)


def search_ours(make: Any, file: Path, queries: Sequence[Any], top_k: int) -> None:
    """Open one of our indexes and ask it several times."""
    index = make()
    index.load(file)
    for rows in queries:
        index.search(rows, top_k)


def search_stock(file: Path, queries: Sequence[Any], top_k: int) -> None:
    """Read an index with faiss and ask it several times."""
    import faiss

    index = faiss.read_index(str(file))
    for rows in queries:
        index.search(rows, top_k)
