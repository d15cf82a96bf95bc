import itertools

import numpy as np
import pytest

from medxpert.metrics.duplicates import identity_ceiling
from medxpert.metrics.ranking import hits

CUTOFFS = (1, 2, 3, 5)


def naive(queries, items, asked, k):
    """Sum, over groups of equal queries, of the best total over all orders of the groups of equal items."""
    total = 0.0
    sizes = {item: items.count(item) for item in items}
    for query in set(queries):
        wanted = [items[row] for row in asked if queries[row] == query]
        totals = []
        for order in itertools.permutations(sizes):
            before = dict(zip(order, itertools.accumulate([0, *(sizes[item] for item in order)]), strict=False))
            totals.append(sum(min(max((k - before[item]) / sizes[item], 0), 1) for item in wanted))
        total += max(totals)
    return total


@pytest.mark.parametrize("seed", range(20))
def test_no_order_of_the_groups_does_better(seed):
    generator = np.random.default_rng(seed)
    count = int(generator.integers(1, 10))
    texts = generator.choice(list("abcde"), count).tolist()
    hashes = generator.choice(list("vwxyz"), count).tolist()
    mask = generator.random(count) < 0.7
    asked = np.flatnonzero(mask)
    found = identity_ceiling(texts, hashes, mask)
    for ranks, queries, items in ((found.image_to_text, hashes, texts), (found.text_to_image, texts, hashes)):
        assert ranks.pool == count
        assert len(ranks.better) == len(asked)
        for column, k in enumerate(CUTOFFS):
            assert hits(ranks, CUTOFFS)[:, column].sum() == pytest.approx(naive(queries, items, asked, k))


def test_a_text_that_n_studies_bear():
    texts = ["Clear.", "clear. ", "CLEAR.", "Edema."]
    for ranks in identity_ceiling(texts):
        np.testing.assert_allclose(hits(ranks, (1, 2, 3)), [[1 / 3, 2 / 3, 1]] * 3 + [[1, 1, 1]])


def test_images_without_a_hash_equal_no_other():
    unknown = identity_ceiling(["a", "b", "c"], [None, None, "x"])
    assert unknown.image_to_text.better.tolist() == [0, 0, 0]
    equal = identity_ceiling(["a", "b", "c"], ["x", None, "x"])
    # the two queries are one: whichever order, the hits are 1 and 0, so neither comes first
    assert hits(equal.image_to_text, (1,)).ravel().tolist() == [0.5, 1, 0.5]


def test_every_study_alike():
    for ranks in identity_ceiling(["a"] * 5, ["x"] * 5):
        assert hits(ranks, (2,)).ravel() == pytest.approx([0.4] * 5)
