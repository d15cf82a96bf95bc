"""The hand-computed tables of experiments/retrieval/README.md against the code."""

import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from open_clip_train.train import get_clip_metrics

from medxpert.evaluation.foreign.folder import open_embeddings
from medxpert.evaluation.parts.ceilings import image_keys
from medxpert.metrics.duplicates import identity_ceiling
from medxpert.metrics.ranking import hits
from medxpert.metrics.retrieval import pair, rank_pairs

FOLDER = Path(__file__).parents[2] / "experiments" / "retrieval"
CUTOFFS = (1, 2, 5, 10)
DIRECTIONS = ("image_to_text", "text_to_image")


def table(heading):
    """Rows of the first table below a heading, without its header."""
    section = (FOLDER / "README.md").read_text("utf-8").split(f"## {heading}\n")[1].split("\n## ")[0]
    lines = re.findall(r"^\| (.*) \|$", section, re.MULTILINE)
    return [line.split(" | ") for line in lines[1:]]


def named(direction):
    return DIRECTIONS if direction == "both" else (direction.replace(" ", "_"),)


@pytest.fixture(scope="module")
def subject():
    return open_embeddings(FOLDER / "example", "example").subject


@pytest.fixture(scope="module")
def ranked(subject):
    pairs = pair(*subject.vectors["model"], subject.cases.texts)
    return {(one.direction, one.relevance): one for one in rank_pairs(pairs)}


def per_query(one, ranks, cutoffs):
    """Hits per query: a distinct text that several studies bear asks once."""
    return hits(ranks, cutoffs)[np.unique(one.query_of, return_index=True)[1]]


def test_the_example_is_what_the_text_says(subject):
    assert len(subject.cases) == 12
    assert len(set(subject.cases.patient_ids)) == 9
    assert len(set(image_keys(subject.cases))) == 11


def test_chance(ranked):
    rows = table("Chance")
    assert len(rows) == 4
    for relevance, directions, pool, *expected in rows:
        for direction in named(directions):
            one = ranked[direction, relevance]
            assert one.ranks.pool == int(pool)
            chance = per_query(one, one.ranks.at_chance(), CUTOFFS).mean(axis=0)
            assert chance == pytest.approx([float(Fraction(cell)) for cell in expected])


def test_ceilings(subject):
    texts, hashes = subject.cases.texts, image_keys(subject.cases)
    rows = table("Ceilings")
    assert len(rows) == 3
    for equal, directions, *expected in rows:
        ceiling = identity_ceiling(texts, hashes if "images" in equal else None)._asdict()
        for direction in named(directions):
            best = hits(ceiling[direction], CUTOFFS).mean(axis=0)
            assert best == pytest.approx([float(Fraction(cell)) for cell in expected])


def sorted_hits(scores, k):
    order = np.argsort(-scores, axis=1, kind="stable")
    return int(sum(row in order[row, :k] for row in range(len(scores))))


def test_other_implementations(subject, ranked):
    image, text = (np.asarray(rows, np.float64) for rows in subject.vectors["model"])
    rows = table("Beside other implementations")
    assert len(rows) == 4
    for direction, k, *cells in rows:
        (name,), k = named(direction), int(k)
        scores = np.round(image @ text.T if name == "image_to_text" else text @ image.T, 6)
        own = np.diag(scores)[:, None]
        strict, loose = ((scores > own).sum(axis=1) < k).sum(), ((scores >= own).sum(axis=1) <= k).sum()
        ours = {relevance: hits(ranked[name, relevance].ranks, (k,)).sum() for relevance in ("identity", "same_text")}
        found = [
            ours["identity"],
            sorted_hits(scores, k),
            sorted_hits(scores[::-1, ::-1], k),
            strict,
            loose,
            ours["same_text"],
        ]
        assert [float(cell) for cell in cells] == pytest.approx(found)
        theirs = 12 * get_clip_metrics(torch.tensor(image), torch.tensor(text), 1.0)[f"{name}_R@{k}"]
        assert loose - 1e-9 <= theirs <= strict + 1e-9
