import json

import numpy as np
import pytest

from medxpert.errors import DataError
from medxpert.metrics.ranking import hits
from medxpert.metrics.retrieval import compare, pair, rank_pairs, retrieval, select

DIRECTIONS = ("image_to_text", "text_to_image")
RELEVANCES = ("identity", "same_text", "deduplicated")


def half_rows(num_rows, width, seed):
    """Multiples of a half: products are exact, so a naive oracle sees the same ties."""
    return np.random.default_rng(seed).integers(-3, 4, (num_rows, width)).astype(np.float32) / 2


def split(num_studies=11, seed=0):
    """Studies with repeated texts (one written in capitals), repeated images and several per patient."""
    generator = np.random.default_rng(seed)
    image = half_rows(num_studies, 3, seed)
    image[4] = image[1]
    numbers = generator.integers(0, num_studies // 2, num_studies)
    text = half_rows(num_studies, 3, seed + 1)[numbers]
    texts = [f"Report  {one}" if row % 2 else f"REPORT {one}" for row, one in enumerate(numbers)]
    return image, text, texts, numbers, [f"p{row // 2}" for row in range(num_studies)]


def expected_hit(scores, relevant, k):
    """Mean hit over random orders of the ties, by the definition."""
    best = scores[relevant].max()
    better, tied = np.sum(scores > best), np.sum(scores == best)
    shared = np.sum(relevant & (scores == best))
    missed = 1.0
    for drawn in range(min(max(k - better, 0), tied)):
        missed *= max(tied - shared - drawn, 0) / (tied - drawn)
    return 1 - missed


def naive_recall(image, text, numbers, direction, relevance, k, studies):
    first = [int(np.flatnonzero(numbers == one)[0]) for one in dict.fromkeys(numbers.tolist())]
    unique = relevance == "deduplicated"
    if direction == "image_to_text":
        asked, gallery = studies, first if unique else range(len(numbers))
        scores = image @ text.T
    else:
        asked = [row for row in studies if not unique or row == min(set(studies) & same(numbers, row))]
        gallery, scores = range(len(numbers)), text @ image.T
    gallery = np.array(list(gallery))
    found = []
    for row in asked:
        relevant = gallery == row if relevance == "identity" else numbers[gallery] == numbers[row]
        found.append(expected_hit(scores[row, gallery], relevant, k))
    return np.mean(found), len(gallery), len(found)


def same(numbers, row):
    return set(np.flatnonzero(numbers == numbers[row]).tolist())


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("part", ["all", "some"])
def test_every_policy_matches_its_definition(seed, part):
    image, text, texts, numbers, patients = split(seed=seed)
    subset = None if part == "all" else np.random.default_rng(seed).random(11) < 0.6
    studies = list(range(11)) if subset is None else np.flatnonzero(subset).tolist()
    found = retrieval(image, text, texts, patients, subset, (1, 3, 5), draws=20, chunk=3)
    for direction in DIRECTIONS:
        for relevance in RELEVANCES:
            for k in (1, 3, 5):
                if k > found["pool"][direction][relevance]:
                    continue
                value, pool, queries = naive_recall(image, text, numbers, direction, relevance, k, studies)
                assert found[direction][relevance][f"recall@{k}"]["value"] == pytest.approx(value)
                assert found["pool"][direction][relevance] == pool
                assert found["queries"][direction][relevance] == queries


def test_perfect_embedding_with_duplicate_texts():
    """Identity cannot tell the two studies of one text apart; the other policies need not."""
    rows = np.eye(3, dtype=np.float32)[[0, 1, 1]]
    found = retrieval(rows, rows, ["clear", "edema", "Edema "], ["a", "b", "c"], draws=50)
    for direction in DIRECTIONS:
        values = {name: found[direction][name]["recall@1"]["value"] for name in RELEVANCES}
        assert values == {"identity": pytest.approx(2 / 3), "same_text": 1, "deduplicated": 1}
        assert found["ranks"][direction]["identity"]["mean_rank"]["value"] == pytest.approx(4 / 3)
        assert found["ranks"][direction]["identity"]["median_rank"]["value"] == 1.5
        chance = {name: found["chance"][direction][name]["recall@1"] for name in RELEVANCES}
        once = 1 / 2 if direction == "image_to_text" else (1 / 3 + 2 / 3) / 2
        assert chance == pytest.approx({"identity": 1 / 3, "same_text": 5 / 9, "deduplicated": once})
    assert found["pool"]["image_to_text"] == {"identity": 3, "same_text": 3, "deduplicated": 2}
    assert found["pool"]["text_to_image"] == {"identity": 3, "same_text": 3, "deduplicated": 3}
    assert found["queries"]["text_to_image"] == {"identity": 3, "same_text": 3, "deduplicated": 2}


@pytest.mark.parametrize("width", [1, 93])
def test_constant_embedding_scores_exactly_chance(width):
    _, _, texts, _, patients = split(67)
    constant = np.tile(np.random.default_rng(0).standard_normal(width).astype(np.float32), (67, 1))
    found = retrieval(constant, constant, texts, patients, draws=5, chunk=10)
    for direction in DIRECTIONS:
        for relevance in RELEVANCES:
            values = {name: cell["value"] for name, cell in found[direction][relevance].items()}
            assert values == pytest.approx(found["chance"][direction][relevance], abs=1e-12)
    identity = found["chance"]["image_to_text"]["identity"]
    assert identity["recall@10"] == pytest.approx(10 / 67)
    assert identity["mrr"] == pytest.approx(np.mean(1 / np.arange(1, 68)))


def test_texts_that_read_the_same_are_embedded_once():
    image, text, texts, numbers, patients = split()
    noisy = text + np.random.default_rng(0).normal(0, 1e-3, text.shape).astype(np.float32)
    first = [min(same(numbers, row)) for row in range(11)]
    assert retrieval(image, noisy, texts, patients) == retrieval(image, noisy[first], texts, patients)


def test_result_is_json_within_bounds():
    image, text, texts, _, patients = split(30)
    found = json.loads(json.dumps(retrieval(image, text, texts, patients, draws=50), allow_nan=False))
    assert sorted(found) == ["chance", "image_to_text", "pool", "queries", "ranks", "text_to_image"]
    for direction in DIRECTIONS:
        for relevance in RELEVANCES:
            cells = found[direction][relevance]
            assert sorted(cells) == sorted(found["chance"][direction][relevance])
            for cell in cells.values():
                assert 0 <= cell["low"] <= cell["high"] <= 1
                assert 0 <= cell["value"] <= 1
            assert sorted(found["ranks"][direction][relevance]) == ["mean_rank", "median_rank", "rsum"]
    assert "recall@50" not in found["image_to_text"]["identity"]


def test_memory_mapped_half_precision(tmp_path):
    image, text, texts, _, patients = split()
    for name, rows in (("image", image), ("text", text)):
        np.save(tmp_path / name, rows.astype(np.float16))
    mapped = (np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in ("image", "text"))
    assert retrieval(*mapped, texts, patients, chunk=4) == retrieval(image, text, texts, patients)


def test_comparison_is_paired():
    image, text, texts, _, patients = split(30)
    starting = rank_pairs(pair(half_rows(30, 3, 9), text, texts))
    adapted = rank_pairs(pair(image, text, texts))
    found = compare(adapted, starting, patients, (1, 5), draws=100)
    ours, theirs = (hits(one[0].ranks, (5,)).mean() for one in (adapted, starting))
    assert found["image_to_text"]["identity"]["recall@5"]["value"] == pytest.approx(ours - theirs)
    none = compare(adapted, adapted, patients, (1,), draws=10)["text_to_image"]["deduplicated"]["recall@1"]
    assert none == {"value": 0, "low": 0, "high": 0}


def test_comparison_needs_the_same_studies():
    image, text, texts, _, patients = split()
    ranked = rank_pairs(pair(image, text, texts))
    with pytest.raises(DataError, match="ranks of the same studies"):
        compare(ranked, select(ranked, np.arange(11) < 5), patients)


IMAGE, TEXT, TEXTS, _, PATIENTS = split()
BROKEN = IMAGE.copy()
BROKEN[6, 1] = np.nan


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((IMAGE[:0], TEXT[:0], [], []), "at least one study, found 0"),
        ((IMAGE[:10], TEXT, TEXTS, PATIENTS), "image embeddings: expected 11 rows, one per study, found 10"),
        ((IMAGE, TEXT[:10], TEXTS, PATIENTS), "text embeddings: expected 11 rows, one per study, found 10"),
        ((IMAGE, TEXT[:, :2], TEXTS, PATIENTS), "found 3 and 2"),
        ((BROKEN, TEXT, TEXTS, PATIENTS), "image embeddings: row 6 of 11 is not finite"),
        ((IMAGE, BROKEN, TEXTS, PATIENTS), "text embeddings: row 6 of 11 is not finite"),
        ((IMAGE, TEXT, TEXTS, PATIENTS[1:]), "one patient per study, found 10 for 11 studies"),
        ((IMAGE, TEXT, TEXTS, PATIENTS, np.zeros(11, bool)), "selects some of 11 studies, found 0"),
        ((IMAGE, TEXT, TEXTS, PATIENTS, np.ones(4, bool)), "selects some of 11 studies"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(DataError, match=message):
        retrieval(*arguments)
