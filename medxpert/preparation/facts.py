"""What a prepared data set is like: counts of what was written, found by looking at it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from medxpert.cases import Cases, is_row_id
from medxpert.data.sections import Reports
from medxpert.metrics.duplicates import identity_ceiling
from medxpert.metrics.ranking import hits
from medxpert.models.tokenizer import clip_tokenizer
from medxpert.ontology import NEGATIVE, OBSERVATIONS, POSITIVE, UNCERTAIN
from medxpert.text import normalise

_QUANTILES = (0.5, 0.9, 0.99)
_UNKNOWN = "unknown"


class SplitTables(NamedTuple):
    """One split as it was written."""

    cases: Cases
    reports: Reports
    views: Sequence[str]
    """Of every image."""


def split_facts(split: SplitTables) -> dict[str, Any]:
    """Describe one split as JSON values; patients are null where none is known."""
    cases = split.cases
    patients = {one for one in cases.patient_ids if not is_row_id(one)}
    return {
        "studies": len(cases),
        "images": len(split.views),
        "patients": len(patients) or None,
        "views": dict(Counter(view or _UNKNOWN for view in split.views).most_common()),
        "images_per_study": len(split.views) / len(cases),
        "sections": sections(split.reports),
        "tokens": tokens(cases.texts),
        "duplicates": duplicates(cases.texts, cases.column("image_hash")),
        "labels": prevalence(cases.labels),
        "sources": dict(Counter(cases.column("source")).most_common()),
        "policies": dict(Counter(cases.column("policy")).most_common()),
    }


def sections(reports: Reports) -> dict[str, int]:
    """Count which sections studies have."""
    pairs = [
        (bool(findings.strip()), bool(impression.strip()))
        for findings, impression in zip(reports.findings, reports.impressions, strict=True)
    ]
    counts = Counter(pairs)
    return {
        "both": counts[True, True],
        "findings_only": counts[True, False],
        "impression_only": counts[False, True],
    }


def tokens(texts: Sequence[str]) -> dict[str, Any]:
    """Measure texts in CLIP's tokens, marks included, against the 77 that it reads."""
    tokenizer = clip_tokenizer()
    lengths = {text: tokenizer.count(text) for text in set(texts)}
    counts = np.array([lengths[text] for text in texts])
    quantiles = np.quantile(counts, _QUANTILES)
    return {
        "limit": tokenizer.context_length,
        **{f"quantile_{share}": float(value) for share, value in zip(_QUANTILES, quantiles, strict=True)},
        "max": int(counts.max()),
        "cut": int((counts > tokenizer.context_length).sum()),
    }


def duplicates(texts: Sequence[str], hashes: Sequence[str | None]) -> dict[str, Any]:
    """Count texts that say what an earlier one says, and the identity Recall@1 that equal items leave possible.

    Returns:
        texts: how many studies bear a text, normalised, that an earlier study bears; distinct: how many texts there
        are; identity_recall@1_ceiling: what the best encoder can reach from image to text, in [0, 1];
        most_frequent: how many studies bear the commonest text.
    """
    counts = Counter(map(normalise, texts))
    ceiling = identity_ceiling(texts, hashes)
    return {
        "texts": len(texts) - len(counts),
        "distinct": len(counts),
        "most_frequent": max(counts.values()),
        "identity_recall@1_ceiling": float(hits(ceiling.image_to_text, (1,)).mean()),
    }


def prevalence(labels: NDArray[np.int8]) -> dict[str, dict[str, int]]:
    """Count the values of each observation over labels [N, 14]."""
    values = {"positive": POSITIVE, "uncertain": UNCERTAIN, "negative": NEGATIVE}
    return {
        name: {word: int((column == value).sum()) for word, value in values.items()}
        for name, column in zip(OBSERVATIONS, labels.T, strict=True)
    }


def overall(splits: Mapping[str, SplitTables]) -> dict[str, Any]:
    """Return `duplicates` of all splits together."""
    texts = [text for split in splits.values() for text in split.cases.texts]
    hashes = [one for split in splits.values() for one in split.cases.column("image_hash")]
    return duplicates(texts, hashes)
