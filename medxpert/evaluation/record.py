"""What an evaluation leaves in the run: metrics.json and the list of the nearest answers."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from medxpert.cases import Cases
from medxpert.errors import DataError
from medxpert.evaluation.result import SplitResult, abnormal_scope
from medxpert.folders import atomic_file, read_json, write_json
from medxpert.metrics.labels import RELEVANT, jaccard
from medxpert.metrics.scores import top_k
from medxpert.privacy import strictest
from medxpert.text import normalise
from medxpert.words import POLICIES, SHIFTED, Neighbours, Policy

METRICS = "metrics.json"
TOP_K = "retrieval_topk.csv"
TABLES = "tables"
TEST = "test"
COUNTED = (TEST, SHIFTED)
"""Splits that are not for choosing: looks at them are counted."""
_NUM_QUERIES, _NUM_HITS = 5000, 10


class Answer(NamedTuple):
    """One line of the list of nearest answers; `correct` as `right_answers` tells."""

    query_study: str
    direction: str
    rank: int
    hit_study: str
    score: float
    same_study: bool
    correct: bool
    query_text: str
    hit_text: str
    policy: Policy


def read_metrics(path: Path) -> dict[str, Any]:
    """Return what stands in metrics.json, at least "policy" and "looks"; where it is missing, open and without looks.

    Raises:
        DataError: it is not what `write_metrics` writes.
    """
    document: Any = read_json(path) if path.exists() else {}
    if not isinstance(document, dict):
        raise DataError(f"{path}: expected an object, found {type(document).__name__}; move it away")
    document = {"policy": POLICIES[0], "looks": {}, **document}
    looks, policy = document["looks"], document["policy"]
    if not isinstance(looks, dict) or not all(isinstance(count, int) for count in looks.values()):
        raise DataError(f"{path}: expected looks to be an object of counts, found {looks!r}; move it away")
    if policy not in POLICIES:
        raise DataError(f"{path}: expected a policy of {', '.join(POLICIES)}, found {policy!r}; move it away")
    return document


def count_look(path: Path, split: str, policy: Policy) -> int:
    """Count one more look at a split in metrics.json, and return how many there were.

    Raises:
        ConfigError: the file cannot be written.
        DataError: as `read_metrics`.
    """
    document = read_metrics(path)
    document["policy"] = strictest((document["policy"], policy))
    document["looks"][split] = document["looks"].get(split, 0) + 1
    write_json(path, document)
    looks: int = document["looks"][split]
    return looks


def write_metrics(path: Path, result: SplitResult, policy: Policy) -> None:
    """Put a split's figures into metrics.json in the place of its earlier ones; other splits stay as they are.

    Args:
        path: the file, made where it is missing.
        result: what was measured.
        policy: of what was measured; a stricter one that stands in the file stays.

    Raises:
        ConfigError: the file cannot be written.
        DataError: as `read_metrics`.
    """
    document = read_metrics(path)
    document["policy"] = strictest((document["policy"], policy))
    _forget(document, {result.split, abnormal_scope(result.split)})
    for place, figures in result.documents().items():
        shelf = document
        for name in place[:-1]:
            shelf = shelf.setdefault(name, {})
        shelf[place[-1]] = figures
    write_json(path, document)


def _forget(document: dict[str, Any], scopes: set[str]) -> None:
    """Remove the figures of some query sets wherever they stand, so that those of two models never mix."""
    for name, shelf in document.items():
        if name == "looks" or not isinstance(shelf, dict):
            continue
        for scope in scopes & shelf.keys():
            del shelf[scope]
        _forget(shelf, scopes)


def write_answers(path: Path, result: SplitResult, policy: Policy) -> None:
    """List the ten nearest answers of the main contender to each query, both directions, as CSV in UTF-8.

    Of more than 5,000 studies, 5,000 evenly spaced ones are asked about.
    """
    queries = np.unique(np.linspace(0, len(result.cases) - 1, min(len(result.cases), _NUM_QUERIES)).astype(np.int64))
    with atomic_file(path) as sibling, sibling.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(Answer._fields)
        image, text = result.subject.vectors[result.main]
        for direction, asked, gallery in (("image_to_text", image, text), ("text_to_image", text, image)):
            rows.writerows(_answers(result, direction, queries, top_k(asked[queries], gallery, _NUM_HITS), policy))


def right_answers(cases: Cases, query: int, hits: Sequence[int]) -> list[bool]:
    """Tell which hits answer a query: the same study or text; for prompts, those whose labels overlap."""
    if cases.is_reports:
        key = normalise(cases.texts[query])
        return [hit == query or normalise(cases.texts[hit]) == key for hit in hits]
    labels = cases.labels
    shared: list[bool] = (jaccard(labels[[query]], labels[list(hits)])[0] >= RELEVANT).tolist()
    return shared


def _answers(
    result: SplitResult, direction: str, queries: NDArray[np.int64], found: Neighbours, policy: Policy
) -> Iterator[Answer]:
    ids, texts = result.cases.study_ids, result.cases.texts
    answers = zip(queries.tolist(), found.scores.tolist(), found.rows.tolist(), strict=True)
    for query, scores, hits in answers:
        right = right_answers(result.cases, query, hits)
        for rank, (score, hit, correct) in enumerate(zip(scores, hits, right, strict=True), start=1):
            yield Answer(
                query_study=ids[query],
                direction=direction,
                rank=rank,
                hit_study=ids[hit],
                score=round(score, 6),
                same_study=hit == query,
                correct=correct,
                query_text=texts[query],
                hit_text=texts[hit],
                policy=policy,
            )
