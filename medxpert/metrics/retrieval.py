"""Image-text retrieval of one split by one encoder: both directions, three relevance policies, intervals, chance.

Policies, always side by side:
    identity: the same study only.
    same_text: a study with the same normalised text counts too.
    deduplicated: image to text, all images against the unique texts; text to image, each unique text asked once, any
        image that bears it is a hit. A unique text belongs to the patient of the first study that bears it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from medxpert.errors import DataError
from medxpert.metrics.ranking import CUTOFFS, Ranks, fractions, places, positions
from medxpert.metrics.relevance import Relevance, rank_all
from medxpert.metrics.scores import CHUNK, check_rows, check_widths
from medxpert.metrics.statistics import DRAWS, bootstrap, bootstrap_median, paired_difference
from medxpert.text import normalise

Nested = dict[str, dict[str, dict[str, Any]]]
"""{direction: {relevance: {metric: ...}}}."""


class Pairs(NamedTuple):
    """N studies, each an image and one of U unique texts."""

    image: NDArray[np.floating]
    """[N, D]."""
    text: NDArray[np.floating]
    """[U, D]: the embedding at the first study that bears each text."""
    text_of: NDArray[np.int64]
    """[N], the row of `text` of each study."""


class Ranked(NamedTuple):
    """The ranks of one direction under one relevance."""

    direction: str
    """image_to_text or text_to_image."""
    relevance: str
    """identity, same_text or deduplicated."""
    ranks: Ranks
    """A row per study [N], whichever the query."""
    query_of: NDArray[np.int64]
    """[N], the query a study stands for; of the studies of one query, the first is counted."""


class Table(NamedTuple):
    """Values per study and column."""

    columns: list[tuple[str, str, str]]
    """M times direction, relevance, metric."""
    values: NDArray[np.float64]
    """[N, M], NaN where the column does not count the study."""


def pair(image: NDArray[np.floating], text: NDArray[np.floating], texts: Sequence[str]) -> Pairs:
    """Keep one embedding per unique normalised text of image [N, D], text [N, D] and N texts.

    Raises:
        DataError: counts or widths differ, there is no study, or an embedding is not finite.
    """
    if not texts:
        raise DataError("retrieval needs at least one study, found 0")
    check_rows("image embeddings", image, len(texts))
    check_rows("text embeddings", text, len(texts))
    check_widths(image, text)
    numbers: dict[str, int] = {}
    text_of = np.array([numbers.setdefault(normalise(one), len(numbers)) for one in texts])
    return Pairs(image, text[np.unique(text_of, return_index=True)[1]], text_of)


def rank_pairs(pairs: Pairs, chunk: int = CHUNK) -> list[Ranked]:
    """Rank both directions under the three relevances, with one pass over the scores each way."""
    text_of = pairs.text_of
    studies, texts = np.arange(len(pairs.image)), np.arange(len(pairs.text))
    to_text = [
        Relevance(studies, studies, text_of, studies),
        Relevance(studies, text_of, text_of, text_of),
        Relevance(studies, text_of, texts, texts),
    ]
    to_image = [Relevance(text_of, studies, studies, studies), Relevance(texts, texts, studies, text_of)]
    identity, same_text, deduplicated = rank_all(pairs.image, pairs.text, to_text, chunk)
    image_identity, by_text = rank_all(pairs.text, pairs.image, to_image, chunk)
    any_bearer = by_text.take(text_of)
    return [
        Ranked("image_to_text", "identity", identity, studies),
        Ranked("image_to_text", "same_text", same_text, studies),
        Ranked("image_to_text", "deduplicated", deduplicated, studies),
        Ranked("text_to_image", "identity", image_identity, studies),
        Ranked("text_to_image", "same_text", any_bearer, studies),
        Ranked("text_to_image", "deduplicated", any_bearer, text_of),
    ]


def tabulate(ranked: Sequence[Ranked], metrics: Callable[[Ranks], dict[str, NDArray[np.float64]]]) -> Table:
    """Put the per-query metrics of every direction and relevance side by side."""
    columns, values = [], []
    for direction, relevance, ranks, query_of in ranked:
        counted = np.zeros(len(query_of), bool)
        counted[np.unique(query_of, return_index=True)[1]] = True
        for metric, column in metrics(ranks).items():
            columns.append((direction, relevance, metric))
            values.append(np.where(counted, column, np.nan))
    return Table(columns, np.stack(values, axis=1))


def select(ranked: Sequence[Ranked], studies: NDArray[np.bool_]) -> list[Ranked]:
    """Keep the queries of some studies, a mask [N]; the gallery stays whole.

    Raises:
        DataError: the mask has another length or selects nothing.
    """
    expected = len(ranked[0].query_of)
    if studies.shape != (expected,) or not studies.any():
        raise DataError(
            f"expected a mask that selects some of {expected} studies, found {studies.sum()} in {studies.shape}"
        )
    return [one._replace(ranks=one.ranks.take(studies), query_of=one.query_of[studies]) for one in ranked]


def summarise(
    ranked: Sequence[Ranked],
    patients: ArrayLike,
    cutoffs: Sequence[int] = CUTOFFS,
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> dict[str, Any]:
    """Estimate every metric with its interval over patients [N], beside its chance.

    Returns:
        JSON values: {direction: {relevance: {"recall@1": {"value", "low", "high"}, ..., "mrr": ...}}}, all within
        [0, 1], and in the same arrangement "ranks" (median_rank, mean_rank, rsum, with intervals), "chance" (plain
        numbers under the names of the fractions), "pool" and "queries" (counts).
    """
    found = tabulate(ranked, lambda ranks: fractions(ranks, cutoffs))
    chance = tabulate(ranked, lambda ranks: fractions(ranks.at_chance(), cutoffs))
    means = tabulate(ranked, places)
    medians = tabulate(ranked, lambda ranks: {"median_rank": positions(ranks)})
    ranks = bootstrap_median(medians.values, patients, draws=draws, seed=seed).named()
    ranks += bootstrap(means.values, patients, draws=draws, seed=seed).named()
    return {
        **nested(found.columns, bootstrap(found.values, patients, draws=draws, seed=seed).named()),
        "ranks": nested(medians.columns + means.columns, ranks),
        "chance": nested(chance.columns, np.nanmean(chance.values, axis=0).tolist()),
        "pool": _counts(ranked, lambda one: one.ranks.pool),
        "queries": _counts(ranked, lambda one: len(np.unique(one.query_of))),
    }


def retrieval(
    image: NDArray[np.floating],
    text: NDArray[np.floating],
    texts: Sequence[str],
    patients: ArrayLike,
    subset: NDArray[np.bool_] | None = None,
    cutoffs: Sequence[int] = CUTOFFS,
    *,
    draws: int = DRAWS,
    seed: int = 0,
    chunk: int = CHUNK,
) -> dict[str, Any]:
    """Measure one encoder on one split; see `summarise` for what comes out.

    Args:
        image: finite unit rows [N, D] of any float type, memory-mapped if need be.
        text: finite unit rows [N, D]; of equal normalised texts the first row stands for all.
        texts: N texts.
        patients: N patient ids.
        subset: the studies [N] that ask; the gallery stays whole.
        cutoffs: the K of recall@K; those beyond a pool are left out there.
        draws: bootstrap draws.
        seed: of the draws.
        chunk: queries scored at a time; memory is O(chunk x N).

    Raises:
        DataError: counts or widths differ, there is no study, or an embedding is not finite.
    """
    ranked, owners = rank_pairs(pair(image, text, texts), chunk), np.asarray(patients)
    if len(owners) != len(texts):
        raise DataError(f"expected one patient per study, found {len(owners)} for {len(texts)} studies")
    if subset is not None:
        ranked, owners = select(ranked, subset), owners[subset]
    return summarise(ranked, owners, cutoffs, draws=draws, seed=seed)


def compare(
    adapted: Sequence[Ranked],
    starting: Sequence[Ranked],
    patients: ArrayLike,
    cutoffs: Sequence[int] = CUTOFFS,
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> Nested:
    """Estimate adapted minus starting for each fraction, paired by query, with its interval over patients [N].

    Raises:
        DataError: the two do not rank the same queries.
    """
    if any(not np.array_equal(a.query_of, b.query_of) for a, b in zip(adapted, starting, strict=True)):
        raise DataError("a comparison needs the ranks of the same studies; embed one split with both encoders")
    ours, theirs = (tabulate(one, lambda ranks: fractions(ranks, cutoffs)) for one in (adapted, starting))
    intervals = paired_difference(ours.values, theirs.values, patients, draws=draws, seed=seed)
    return nested(ours.columns, intervals.named())


def nested(columns: Iterable[tuple[str, ...]], cells: Iterable[Any]) -> dict[str, Any]:
    """Arrange cells by the parts of their columns' names, the outermost first."""
    result: dict[str, Any] = {}
    for column, cell in zip(columns, cells, strict=True):
        inner = result
        for part in column[:-1]:
            inner = inner.setdefault(part, {})
        inner[column[-1]] = cell
    return result


def _counts(ranked: Sequence[Ranked], count: Callable[[Ranked], int]) -> dict[str, dict[str, int]]:
    result: dict[str, dict[str, int]] = {}
    for one in ranked:
        result.setdefault(one.direction, {})[one.relevance] = count(one)
    return result
