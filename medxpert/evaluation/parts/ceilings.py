"""The identity ceiling: what duplicates among texts and images leave to any encoder."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medxpert.cases import Cases
from medxpert.evaluation.subject import Part, Subject
from medxpert.evaluation.tables.columns import DIRECTIONS, RECALLS
from medxpert.metrics.duplicates import Ceiling, identity_ceiling
from medxpert.metrics.ranking import CUTOFFS, fractions
from medxpert.tables.blocks import Block, Row, percent
from medxpert.text import normalise


def ceilings(subject: Subject) -> Part:
    """Measure the ceiling of the relevance "identity" for all studies' queries, and for the abnormal ones'.

    Returns:
        Figures: {"all" | "abnormal": {direction: {"recall@1": {"value"}, ..., "mrr"}}}, beside "duplicates", how many
        texts and images are distinct.
    """
    cases = subject.cases
    scopes = {"all": np.ones(len(cases), bool)}
    if cases.abnormal.any():
        scopes["abnormal"] = cases.abnormal
    figures: dict[str, Any] = {name: scope_ceiling(cases, asked) for name, asked in scopes.items()}
    figures["duplicates"] = duplicates = _duplicates(cases)
    rows = tuple(
        Row(f"{arrow}{'' if scope == 'all' else ', abn.'}", tuple(percent(cells.get(key)) for key in RECALLS.values()))
        for scope in scopes
        for direction, arrow in DIRECTIONS.items()
        for cells in (figures[scope][direction],)
    )
    note = (
        f"the best that any encoder can reach: {duplicates['texts']:,} distinct texts "
        f"and {duplicates['images'] or 'unknown'} distinct images in {len(cases):,} studies"
    )
    return Part(("ceilings", subject.split), figures, (Block("identity ceiling", note, tuple(RECALLS), rows),))


def scope_ceiling(cases: Cases, asked: NDArray[np.bool_]) -> dict[str, dict[str, dict[str, float]]]:
    """Return the ceiling for some studies' queries [N] against all: {direction: {"recall@1": {"value"}, ...}}."""
    found: Ceiling = identity_ceiling(cases.texts, image_keys(cases), asked)
    return {
        direction: {name: {"value": float(values.mean())} for name, values in fractions(ranks, CUTOFFS).items()}
        for direction, ranks in found._asdict().items()
    }


def image_keys(cases: Cases) -> list[str | None] | None:
    """Return what equal images share, None where nobody knows; a study of several images equals no other."""
    hashes, counts = cases.column("image_hash"), cases.column("images")
    keys = [found if count == 1 else None for found, count in zip(hashes, counts, strict=True)]
    return keys if any(keys) else None


def _duplicates(cases: Cases) -> dict[str, int | None]:
    keys, texts = image_keys(cases), Counter(map(normalise, cases.texts))
    return {
        "texts": len(texts),
        "most_frequent_text": max(texts.values()),
        "images": len({row if key is None else key for row, key in enumerate(keys)}) if keys else None,
    }
