"""Approximate indexes keep the recall that they state, and say what they measured."""

import numpy as np
import pytest

from medxpert.errors import ConfigError
from medxpert.indexes import approximate, tuning
from medxpert.indexes.flat import FlatIndex
from medxpert.indexes.hnsw import HNSWIndex
from medxpert.indexes.ivf import IVFIndex
from medxpert.indexes.scalar import ScalarIndex

APPROXIMATE = [IVFIndex, ScalarIndex, HNSWIndex]
FEW, NUM_ROWS = 600, 900


def clustered(num_rows, seed, width=24):
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(0).standard_normal((20, width))
    rows = centres[rng.integers(20, size=num_rows)] + 0.6 * rng.standard_normal((num_rows, width))
    return unit(rows)


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


VECTORS, QUERIES = clustered(NUM_ROWS, 1), clustered(200, 2)


def recall(index, queries, top_k, allowed=None, vectors=VECTORS):
    flat = FlatIndex()
    flat.build(vectors)
    exact, found = flat.search(queries, top_k, allowed), index.search(queries, top_k, allowed)
    pairs = zip(exact.rows, found.rows, strict=True)
    return np.mean([len(set(one) & set(other)) / top_k for one, other in pairs])


@pytest.fixture(scope="module", autouse=True)
def few_questions():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tuning, "NUM_QUESTIONS", 400)
        patch.setattr(approximate, "FEW", FEW)
        yield


@pytest.fixture(scope="module", params=APPROXIMATE, ids=lambda one: one.__name__)
def index(request):
    index = request.param()
    index.build(VECTORS)
    return index


def test_reaches_the_recall_that_it_states(index):
    tuned = index.tuned
    assert tuned["queries"] == 200
    assert tuned["recall@10"] >= tuned["recall_target"] == 0.99
    assert tuned[f"{index.effort}@10"] < index._most()
    assert recall(index, QUERIES, 10) >= 0.98
    assert recall(index, QUERIES, 100) >= tuned["recall@100"] - 0.01


def test_loaded_index_answers_alike(index, tmp_path):
    index.save(tmp_path / "index")
    again = type(index)()
    again.load(tmp_path / "index")
    assert dict(again.tuned) == dict(index.tuned)
    for allowed in (None, np.arange(NUM_ROWS) % 3 == 0):
        before, after = index.search(QUERIES, 10, allowed), again.search(QUERIES, 10, allowed)
        np.testing.assert_array_equal(after.rows, before.rows)
        np.testing.assert_array_equal(after.scores, before.scores)


def test_two_builds_are_equal(index):
    again = type(index)()
    again.build(VECTORS)
    assert dict(again.tuned) == dict(index.tuned)
    np.testing.assert_array_equal(again.search(QUERIES, 10).rows, index.search(QUERIES, 10).rows)


@pytest.mark.parametrize("num_allowed", [3, 12, 90, NUM_ROWS - 1])
def test_selective_masks_leave_no_place_empty(index, num_allowed):
    allowed = np.zeros(NUM_ROWS, bool)
    allowed[np.random.default_rng(5).permutation(NUM_ROWS)[:num_allowed]] = True
    found = index.search(QUERIES, 10, allowed)
    filled = min(10, num_allowed)
    assert allowed[found.rows[:, :filled]].all()
    assert (found.rows[:, filled:] == -1).all()
    assert np.isneginf(found.scores[:, filled:]).all()
    assert recall(index, QUERIES, filled, allowed) >= 0.98


def test_a_mask_that_leaves_only_what_is_far_away(index):
    scores = VECTORS @ QUERIES[0]
    found = index.search(QUERIES[:1], 10, scores < 0)
    best = np.sort(scores[scores < 0])[::-1][:10]
    # as near as the nearest, up to what bytes round
    np.testing.assert_allclose(scores[found.rows[0]], best, atol=3e-3)


@pytest.mark.parametrize("make", [IVFIndex, ScalarIndex])
def test_a_mask_that_leaves_most_but_nothing_in_the_cells_probed(make, monkeypatch):
    monkeypatch.setattr(approximate, "_MOSTLY", 0.6)
    index = make(recall=0.1)
    index.build(VECTORS)
    assert index.tuned["probes@10"] == 1
    scores, allowed = VECTORS @ QUERIES[0], np.ones(NUM_ROWS, bool)
    probed = index._by_effort(QUERIES[:1], NUM_ROWS, 2, None).rows  # one cell more, as a mask takes some away
    allowed[probed[probed >= 0]] = False
    assert 0.6 < allowed.mean() < 1
    found = index.search(QUERIES[:1], 10, allowed)
    assert allowed[found.rows[0]].all()
    np.testing.assert_allclose(scores[found.rows[0]], np.sort(scores[allowed])[::-1][:10], atol=1e-2)


def test_more_neighbours_than_there_are_in_the_cells_probed(index):
    found = index.search(QUERIES[:3], NUM_ROWS)
    assert (np.sort(found.rows, axis=1) == np.arange(NUM_ROWS)).all()


@pytest.mark.parametrize("make", [IVFIndex, HNSWIndex])
def test_a_recall_of_one_compares_as_many_as_that_takes(make):
    rng = np.random.default_rng(1)
    noise, queries = (unit(rng.standard_normal((count, 48))) for count in (700, 50))  # no clusters at all
    index = make(recall=1.0)
    index.build(noise)
    assert index.tuned["recall@10"] == 1
    assert recall(index, queries, 10, vectors=noise) >= 0.995


def test_a_graph_that_does_not_lead_to_equal_rows_gives_way_to_a_scan(tmp_path):
    repeated = np.repeat(VECTORS[:30], 40, axis=0)  # a vector's neighbours are its copies and nothing else
    index = HNSWIndex(links=4, candidates=4)
    index.build(repeated)
    assert index.tuned["recall@10"] >= 0.99
    assert "all are compared" in index.tuned["scanned@100"]
    index.save(tmp_path / "index")
    index = HNSWIndex()
    index.load(tmp_path / "index")
    index.add(VECTORS[30:])
    found = index.search(QUERIES, 100)
    flat = FlatIndex()
    flat.build(np.concatenate([repeated, VECTORS[30:]]))
    np.testing.assert_allclose(found.scores, flat.search(QUERIES, 100).scores, atol=1e-5)


@pytest.mark.parametrize("make", APPROXIMATE)
def test_few_vectors_are_all_compared_and_it_says_so(make):
    index = make()
    index.build(VECTORS[:20])
    assert "fewer than 600" in index.tuned["exact"]
    assert recall(index, QUERIES, 10, vectors=VECTORS[:20]) == 1


@pytest.mark.parametrize("make", APPROXIMATE)
def test_an_index_that_grew_much_says_so(make, tmp_path):
    index = make()
    index.build(VECTORS[:700])
    index.add(VECTORS[700:])
    assert "grown" not in index.tuned
    assert recall(index, QUERIES, 10) >= 0.97
    index.add(clustered(FEW, 4))
    assert index.tuned["grown"] == f"tuned for 700 vectors, it holds {NUM_ROWS + FEW}"
    index.save(tmp_path / "index")
    again = make()
    again.load(tmp_path / "index")
    assert again.tuned["grown"] == index.tuned["grown"]


def test_expected_queries_decide_how_many_cells_are_probed():
    near, far = IVFIndex(), IVFIndex()
    near.expect(VECTORS[:400], np.arange(400))
    far.expect(unit(np.random.default_rng(1).standard_normal((400, 24))), np.full(400, -1))
    for one in (near, far):
        one.build(VECTORS)
        assert one.tuned["queries"] == 200
    assert near.tuned["probes@10"] < far.tuned["probes@10"]


def test_a_graph_finds_what_is_new_to_it_as_well_as_it_says():
    rng = np.random.default_rng(1)
    vectors, new = (unit(rng.standard_normal((count, 24))) for count in (2000, 1000))
    inside, outside = HNSWIndex(links=8), HNSWIndex(links=8)
    inside.expect(vectors[:800], np.arange(800))
    outside.expect(new[:800], np.full(800, -1))
    reached = []
    for one in (inside, outside):
        one.build(vectors)
        reached.append(recall(one, new[800:], 10, vectors=vectors))
    assert reached[0] < inside.tuned["recall@10"] - 0.01  # its own rows are nodes of the graph, and found from it
    assert reached[1] == pytest.approx(outside.tuned["recall@10"], abs=0.008)
    assert reached[1] >= 0.985


def test_every_kind_of_query_reaches_the_recall():
    far = unit(np.random.default_rng(1).standard_normal((400, 24)))
    near, mixed = IVFIndex(), IVFIndex()
    near.expect(clustered(400, 6), np.full(400, -1))
    mixed.expect(np.stack([clustered(400, 6), far], 1).reshape(-1, 24), np.full(800, -1), np.tile([0, 1], 400))
    for one in (near, mixed):
        one.build(VECTORS)
    assert near.tuned["probes@10"] < mixed.tuned["probes@10"]
    assert recall(near, far, 10) < 0.97 < recall(mixed, far, 10)


@pytest.mark.parametrize("make", APPROXIMATE)
def test_all_are_compared_when_that_is_asked_for(make, tmp_path):
    rng = np.random.default_rng(1)
    noise, queries = (unit(rng.standard_normal((count, 24))) for count in (700, 100))
    index, flat = make(recall=0.5), FlatIndex()
    for one in (index, flat):
        one.build(noise)
    index.save(tmp_path / "index")
    index = make()
    index.load(tmp_path / "index")
    for allowed in (None, np.arange(700) % 50 > 0):
        best = flat.search(queries, 30, allowed).scores
        found = index.search_all(queries, 30, allowed)
        # what bytes round is all that it may miss
        np.testing.assert_allclose(found.scores, best, atol=1e-2 if make is ScalarIndex else 1e-5)
        assert allowed is None or allowed[found.rows].all()
    assert recall(index, queries, 30, vectors=noise) < 0.95
    with pytest.raises(ConfigError, match="top_k: expected at least 1"):
        index.search_all(QUERIES, 0)


def test_bytes_take_a_quarter_of_the_memory(tmp_path):
    sizes = []
    vectors = unit(np.random.default_rng(0).standard_normal((FEW, 48)))
    for make in (IVFIndex, ScalarIndex):
        index = make(recall=0.9)
        index.build(vectors)
        index.save(tmp_path / "index")
        sizes.append((tmp_path / "index").stat().st_size)
    assert sizes[1] < 0.4 * sizes[0]
    assert index.tuned["codes"] == "8bit"


def test_more_bits_where_eight_do_not_keep_the_recall():
    index = ScalarIndex(recall=1.0)
    index.build(VECTORS)
    assert index.tuned["codes"] in ("fp16", "float32")
    assert index.tuned["recall@10"] == 1


@pytest.mark.parametrize(
    ("make", "arguments", "message"),
    [
        (IVFIndex, {"recall": 0}, r"index.recall=0 lies outside \(0, 1\]"),
        (HNSWIndex, {"recall": 1.1}, "index.recall=1.1"),
        (ScalarIndex, {"seed": -1}, "index.seed=-1"),
        (IVFIndex, {"num_cells": 0}, "index.num_cells=0"),
        (HNSWIndex, {"links": 1}, r"index.links=1 lies outside 2\.\.512"),
        (HNSWIndex, {"links": 32, "candidates": 8}, "index.candidates=8: expected at least index.links=32"),
        (HNSWIndex, {"threads": 0}, "index.threads=0"),
    ],
)
def test_bad_arguments(make, arguments, message):
    with pytest.raises(ConfigError, match=message):
        make(**arguments)
