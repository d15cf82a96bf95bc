"""Search among 377,110 vectors: exact in batches, and approximate one query at a time, against faiss's flat scan."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import sides
from gallery import Vectors, built, drawn, large
from indexed import TOP_K, Indexed, indexed, recall
from limits import bandwidth_gb_per_second, matmul_gflops
from numpy.typing import NDArray
from timing import Row, alone, grown, paired

from medxpert.indexes.faiss_index import FaissIndex
from medxpert.indexes.flat import FlatIndex
from medxpert.indexes.ivf import IVFIndex

_BATCH = 256
_QUICK_ROWS, _QUICK_WIDTH = 60_000, 64
_SINGLE = 64
"""Queries of a repeat, one after the other."""
_CLOSE = 1e-5
_RECALL = 0.99
_SAID = (
    "30,000 phantom studies embedded by the default run's towers, projected to 512 in place of 128; the other rows are "
    "further films of them, drawn from the covariance between two films of a study; queries are other patients' images"
)
_SPREAD = (
    "the towers of that run end in 2,048 values of an image and 128 of a text, so that {columns} of the 512 directions "
    "hold 97 % of the squared lengths; rows that fill all of them would gain less"
)


def prepare(quick: bool) -> None:
    """Build the gallery and its indexes, where there are none."""
    if not quick:
        for make in (FlatIndex, IVFIndex):
            _opened(make, large(), _kept())


def measure_exact(quick: bool) -> Row:
    """Measure many queries at once."""
    with tempfile.TemporaryDirectory() as name:
        return _exact(drawn(_QUICK_ROWS, 600, _QUICK_WIDTH), Path(name)) if quick else _exact(large(), _kept())


def measure_ann(quick: bool) -> Row:
    """Measure one query at a time."""
    with tempfile.TemporaryDirectory() as name:
        return _ann(drawn(_QUICK_ROWS // 10, 200, _QUICK_WIDTH), Path(name)) if quick else _ann(large(), _kept())


def _exact(data: Vectors, folder: Path) -> Row:
    opened = _opened(FlatIndex, data, folder)
    sizes, queries = list(opened), np.concatenate([data.queries, data.tuning])
    index: Any = opened[sizes[-1]].index
    stock = index._index  # the same rows, in the same place
    # who asks less is answered as the stock way answers
    for size in sizes:
        *_, preparing = (_seconds(partial(opened[size].index.search, _batch(queries, 0), TOP_K)) for _ in range(3))
    compare(index, stock, _batch(queries, 0))
    pair = paired(
        lambda repeat: index.search(_batch(queries, repeat), TOP_K),
        lambda repeat: stock.search(_batch(queries, repeat), TOP_K),
        repeats=7,
    )
    count, width = data.vectors.shape
    asked = [_batch(queries, repeat) for repeat in range(3)]
    value = matmul_gflops("float32") * 1e9 / (2 * count * width)
    ours = _BATCH / pair.ours.seconds
    prepared = index._prepared
    columns = width if prepared is None else prepared.rows.shape[1]
    return Row(
        name="search_exact",
        work=f"the {TOP_K} nearest of {count:,} x {width}, batches of {_BATCH}",
        stock_way="faiss IndexFlatIP.search",
        ratio=pair.ratio,
        target=1.3,
        ours=ours,
        stock=_BATCH / pair.stock.seconds,
        unit="queries/s",
        limit="matmul peak, float32, all products",
        value=value,
        share_of_limit=ours / value,
        peak_memory_mb=_peaks(FlatIndex, (opened[count].path, opened[count].path), asked),
        growth=grown(lambda size: opened[size].index.search(_batch(queries, 1), TOP_K), sizes),
        notes=(
            _SAID,
            *([] if prepared is None or prepared.basis is None else [_SPREAD.format(columns=columns - 1)]),
            f"same neighbours, scores to {_CLOSE:g}; bounds of {columns} columns spare most of the {width}, which can "
            "take it beyond the peak of all products",
            f"from the third batch on; that one takes {preparing:.1f} s, in which the bounds are made",
        ),
    )


def _ann(data: Vectors, folder: Path) -> Row:
    count, width = data.vectors.shape
    opened, flats = _opened(IVFIndex, data, folder), _opened(FlatIndex, data, folder)
    index: Any = opened[count].index
    flat: Any = flats[count].index
    stock = flat._index
    measured = recall(index, flat, data.queries)
    pair = paired(
        lambda repeat: _each(index, data.queries, repeat), lambda repeat: _each(stock, data.queries, repeat), 5
    )
    cells, probes = (float(index.tuned[name]) for name in ("cells", f"probes@{TOP_K}"))
    num_bytes = 4 * width * (cells + probes * count / cells)
    value = num_bytes / bandwidth_gb_per_second() / 1e6
    ours = pair.ours.seconds / _SINGLE * 1e3
    return Row(
        name="search_ann",
        work=f"the {TOP_K} nearest of {count:,} x {width}, one query, index=ivf",
        stock_way="faiss IndexFlatIP.search",
        ratio=pair.ratio,
        target=20,
        ours=ours,
        stock=pair.stock.seconds / _SINGLE * 1e3,
        unit="ms",
        limit=f"memory bandwidth, {cells:.0f} centres and {probes:.0f} cells of vectors",
        value=value,
        share_of_limit=value / ours,
        peak_memory_mb=_peaks(IVFIndex, (opened[count].path, flats[count].path), list(data.queries[:_SINGLE, None])),
        growth=grown(lambda size: _each(opened[size].index, data.queries, 1), list(opened)),
        notes=(
            _SAID,
            f"recall@{TOP_K} {measured:.4f} on {len(data.queries)} queries that tuned nothing; "
            f"{index.tuned[f'recall@{TOP_K}']:.4f} on {index.tuned['queries']} when it was built",
            f"built and tuned in {opened[count].build_seconds:.0f} s, once, and mapped into memory",
        ),
        reached={f"recall@{TOP_K} at least {_RECALL}": measured >= _RECALL},
    )


def compare(index: FlatIndex, stock: Any, queries: NDArray[np.float32]) -> None:
    """Check that both find the same.

    Raises:
        ValueError: they do not.
    """
    scores, rows = stock.search(queries, TOP_K)
    found = index.search(queries, TOP_K)
    apart = np.abs(found.scores - scores).max()
    ties = np.isclose(scores, np.roll(scores, 1, axis=1), atol=_CLOSE) | np.isclose(
        scores, np.roll(scores, -1, axis=1), atol=_CLOSE
    )
    last = np.isclose(scores, scores[:, -1:], atol=_CLOSE)
    if apart > _CLOSE or ((found.rows != rows) & ~ties & ~last).any():
        raise ValueError(f"the bounds change the neighbours; scores differ by up to {apart:g}")


def _kept() -> Path:
    return built().with_name(f"{built().name}-indexes")


def _opened(make: type[FaissIndex], data: Vectors, folder: Path) -> dict[int, Indexed]:
    """Return size -> an index of as many of the vectors, the smallest first, built where there is none."""
    count, width = data.vectors.shape
    return {
        size: indexed(make, data._replace(vectors=data.vectors[:size]), folder / f"{make.choice}-{size}-{width}")
        for size in (count // 4, count // 2, count)
    }


def _peaks(
    ours: type[FaissIndex], files: tuple[Path, Path], queries: Sequence[NDArray[np.float32]]
) -> dict[str, float]:
    """Return what a fresh process needs that opens our index of a file, and one that reads faiss's flat index."""
    return {
        "ours": alone(sides.search_ours, ours, files[0], queries, TOP_K).peak_mb,
        "stock": alone(sides.search_stock, files[1], queries, TOP_K).peak_mb,
    }


def _batch(queries: NDArray[np.float32], repeat: int) -> NDArray[np.float32]:
    return queries[np.random.default_rng(repeat).permutation(len(queries))[:_BATCH]]


def _each(index: Any, queries: NDArray[np.float32], repeat: int) -> None:
    for query in queries[np.random.default_rng(repeat).permutation(len(queries))[:_SINGLE]]:
        index.search(query[None], TOP_K)


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


ROWS = {"search_exact": measure_exact, "search_ann": measure_ann}
