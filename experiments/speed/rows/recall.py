"""Recall@K of one split with intervals: ours as `evaluate.py` computes it, against torchmetrics.

torchmetrics is used the way that suits it best: its hit rate per query, once, by a custom aggregation, and 1,000
resamples of those values. Its BootStrapper would keep 1,000 copies of N x N scores and rank each of them.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from limits import matmul_gflops
from numpy.typing import NDArray
from sides import recall_ours, recall_stock
from timing import Row, alone, grown, paired, peaks

from medxpert.metrics.retrieval import retrieval
from medxpert.metrics.statistics import DRAWS

_WIDTH = 512
_STUDIES, _COMPARED, _GROWTH, _LARGE = 3000, 300, (1000, 2000, 4000), 30_000
_QUICK_STUDIES, _QUICK_COMPARED, _QUICK_GROWTH, _QUICK_LARGE = 60, 30, (30, 60, 120), 500
_LARGE_MB = 600
_CUTOFFS = (1, 5, 10)
_SAME_TEXT = 0.2
"""Part of the studies whose report is word for word another one's."""
_NOISE = 0.35
"""Of each coordinate of an image beside its text: about half of 3,000 are then found among the first ten."""
_FLIPPED = 2
"""Queries that a score rounded otherwise may turn."""
_MONTE_CARLO = 0.02
"""How far the ends of two intervals from other draws may lie apart."""

Values = dict[tuple[str, str, int], Any]
"""(direction, relevance, K) -> recall with its interval, as (value, low, high)."""


class Split(NamedTuple):
    """N studies; those of one text have one text embedding."""

    image: NDArray[np.floating]
    text: NDArray[np.floating]
    texts: list[str]
    text_of: NDArray[np.int64]
    """[N], number of each study's text."""


def split(num_studies: int, seed: int) -> Split:
    """Draw a split whose images lie near their texts, and in which some texts are equal."""
    generator = np.random.default_rng(seed)
    text_of = np.arange(num_studies)
    copies = generator.random(num_studies) < _SAME_TEXT
    text_of[copies] = generator.integers(num_studies, size=copies.sum())
    text_of = np.unique(text_of[text_of], return_inverse=True)[1]
    text = _unit(generator.standard_normal((text_of.max() + 1, _WIDTH)))[text_of]
    image = _unit(text + _NOISE * generator.standard_normal((num_studies, _WIDTH)))
    return Split(image, text, [f"report {number}" for number in text_of.tolist()], text_of)


def _unit(rows: NDArray[np.float64]) -> NDArray[np.float32]:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def ours(data: Split) -> Values:
    """Measure as `evaluate.py` does: three relevances both ways, ranks and chance, with intervals."""
    found = retrieval(data.image, data.text, data.texts, np.arange(len(data.texts)))
    return {
        (direction, relevance, k): tuple(found[direction][relevance][f"recall@{k}"].values())
        for direction in ("image_to_text", "text_to_image")
        for relevance in ("identity", "same_text", "deduplicated")
        for k in _CUTOFFS
    }


def stock(data: Split) -> Values:
    """Measure with torchmetrics: hit rates at three cutoffs for three relevances both ways, with intervals."""
    import torch

    image, text, text_of = (torch.from_numpy(one) for one in (data.image, data.text, data.text_of))
    studies, first = torch.arange(len(image)), torch.from_numpy(np.unique(data.text_of, return_index=True)[1])
    unique = text_of[first]
    by_text, by_image = image @ text.T, text @ image.T
    cases = {
        ("image_to_text", "identity"): (by_text, studies[:, None] == studies),
        ("image_to_text", "same_text"): (by_text, text_of[:, None] == text_of),
        ("image_to_text", "deduplicated"): (image @ text[first].T, text_of[:, None] == unique),
        ("text_to_image", "identity"): (by_image, studies[:, None] == studies),
        ("text_to_image", "same_text"): (by_image, text_of[:, None] == text_of),
        ("text_to_image", "deduplicated"): (by_image[first], unique[:, None] == text_of),
    }
    return {(*case, k): value for case, given in cases.items() for k, value in _hit_rates(*given).items()}


def _hit_rates(scores: Any, relevant: Any) -> dict[int, tuple[float, float, float]]:
    import torch
    from torchmetrics import MetricCollection
    from torchmetrics.retrieval import RetrievalHitRate

    def per_query(values: torch.Tensor, dim: int | None = None) -> torch.Tensor:
        return values

    metrics = MetricCollection({str(k): RetrievalHitRate(top_k=k, aggregation=per_query) for k in _CUTOFFS})
    queries = torch.arange(len(scores))[:, None].expand_as(scores)
    metrics.update(scores.flatten(), relevant.flatten(), indexes=queries.flatten())
    drawn = torch.randint(len(scores), (DRAWS, len(scores)))
    found = {}
    for k, values in metrics.compute().items():
        low, high = torch.quantile(values[drawn].mean(dim=1), torch.tensor([0.025, 0.975])).tolist()
        found[int(k)] = (values.mean().item(), low, high)
    return found


def agree(data: Split) -> None:
    """Compare both.

    Equal texts have equal scores: under "identity" torchmetrics takes one of them by chance, ours the expectation.
    Only there are the ties broken first, by leaving one study of each text.

    Raises:
        ValueError: a recall or an interval differs by more than rounding and chance explain.
    """
    first = np.unique(data.text_of, return_index=True)[1]
    untied = Split(data.image[first], data.text[first], [data.texts[row] for row in first], np.arange(len(first)))
    for part, relevances in ((data, ("same_text", "deduplicated")), (untied, ("identity",))):
        mine, theirs = ours(part), stock(part)
        for key in (one for one in mine if one[1] in relevances):
            value, *ends = (abs(a - b) for a, b in zip(mine[key], theirs[key], strict=True))
            if value > _FLIPPED / len(part.text_of) or max(ends) > max(_MONTE_CARLO, 4 / len(part.text_of)):
                raise ValueError(f"{key}: ours is {mine[key]}, torchmetrics' is {theirs[key]}")


def large(folder: str, num_studies: int) -> None:
    """Measure a split that lies on disk as a run's embeddings do."""
    image, text = (np.load(Path(folder) / f"{side}.npy", mmap_mode="r") for side in ("image", "text"))
    texts = np.load(Path(folder) / "text_of.npy").astype(str).tolist()
    retrieval(image, text, texts, np.arange(num_studies))


def measure(quick: bool) -> Row:
    """Measure the row."""
    studies = _QUICK_STUDIES if quick else _STUDIES
    agree(split(_QUICK_COMPARED if quick else _COMPARED, 0))
    splits = [split(studies, seed) for seed in range(1, 3)]
    # the comparison has warmed both up, and torchmetrics takes a minute
    pair = paired(lambda repeat: ours(splits[repeat]), lambda repeat: stock(splits[repeat]), repeats=2, warmups=0)
    num_large = _QUICK_LARGE if quick else _LARGE
    with tempfile.TemporaryDirectory() as folder:
        _save(split(num_large, 9), Path(folder))
        whole = alone(large, folder, num_large)
    by_size = {size: split(size, 5) for size in (_QUICK_GROWTH if quick else _GROWTH)}
    unique = len(np.unique(splits[0].text_of))
    least = 2 * studies * unique * _WIDTH / 1e9 / matmul_gflops("float32")
    return Row(
        name="recall",
        work=f"R@K with intervals, {studies:,} studies of width {_WIDTH}: three relevances, both ways, {DRAWS:,} draws",
        stock_way="torchmetrics' RetrievalHitRate per query at K = 1, 5, 10, then as many resamples of its values",
        ratio=pair.ratio,
        target=10,
        ours=pair.ours.seconds,
        stock=pair.stock.seconds,
        unit="s",
        limit="matmul peak, float32, one product of images and texts that serves both ways",
        value=least,
        share_of_limit=least / pair.ours.seconds,
        peak_memory_mb=peaks(recall_ours, recall_stock, studies, 1),
        growth=grown(lambda size: ours(by_size[size]), list(by_size)),
        notes=(
            f"{num_large:,} studies, alone in a process, from float16 files: {whole.seconds:.1f} s, "
            f"{whole.peak_mb:.0f} MB at most",
            "ours also gives K = 50 and 100, MRR, ranks, RSUM and chance",
            "torchmetrics' recall would divide by the number of relevant texts and ignore scores below zero: its hit "
            "rate is the same measure",
        ),
        reached={f"{num_large:,} under {_LARGE_MB} MB": whole.peak_mb < _LARGE_MB},
    )


def _save(data: Split, folder: Path) -> None:
    for name, rows in (("image", data.image), ("text", data.text)):
        np.save(folder / f"{name}.npy", rows.astype(np.float16))
    np.save(folder / "text_of.npy", data.text_of)


ROWS = {"recall": measure}
