from collections import Counter

import numpy as np
import pytest

from medxpert.data.order import EpochOrder, Place
from medxpert.errors import ConfigError, DataError


def rows(order):
    return [draw.row for batch in order for draw in batch]


@pytest.mark.parametrize(
    ("count", "batch_size", "sizes"),
    [(10, 4, [4, 3, 3]), (8, 4, [4, 4]), (5, 2, [3, 2]), (3, 2, [3]), (2, 100, [2]), (129, 128, [65, 64])],
)
def test_every_study_once_in_batches_of_nearly_one_size(count, batch_size, sizes):
    order = EpochOrder(np.ones(count), batch_size)
    batches = list(order)
    assert [len(batch) for batch in batches] == sizes
    assert len(order) == len(sizes)
    assert sorted(draw.row for batch in batches for draw in batch) == list(range(count))


def test_order_follows_from_seed_and_epoch():
    def epoch(seed, number):
        order = EpochOrder(np.ones(50), 8, seed)
        order.set_epoch(number)
        return rows(order)

    assert epoch(0, 3) == epoch(0, 3)
    assert len({tuple(epoch(*place)) for place in [(0, 0), (0, 1), (1, 0), (1, 1)]}) == 4


@pytest.mark.parametrize("processes", [2, 3, 5])
@pytest.mark.parametrize("count", [20, 24, 29, 31])
def test_processes_share_each_batch_of_one_process(count, processes):
    alone = EpochOrder(np.ones(count), 4 * processes, 5)
    together = [EpochOrder(np.ones(count), 4, 5, rank, processes) for rank in range(processes)]
    for whole, *parts in zip(alone, *together, strict=True):
        assert [draw for part in parts for draw in part] == whole
        sizes = [len(part) for part in parts]
        assert max(sizes) - min(sizes) <= 1
        assert min(sizes) >= 1
        assert max(sizes) <= together[0].largest_batch <= 4


def test_an_epoch_can_be_entered_anywhere():
    order = EpochOrder(np.ones(30), 4, 2)
    order.set_epoch(4)
    whole = list(order)
    order.enter(Place(4, 5))
    order.set_epoch(4)
    assert list(order) == whole[5:]
    order.set_epoch(4)
    assert list(order) == whole
    order.enter(Place(4, 5))
    order.set_epoch(5)
    assert len(list(order)) == len(whole)


WEIGHTS = np.concatenate([np.full(30, 3.0), np.full(50, 0.5), np.full(10, 1.3)])


@pytest.mark.parametrize("blocks", [None, np.arange(90) // 7])
def test_weights(blocks):
    order = EpochOrder(WEIGHTS, 16, 1, blocks=blocks)
    halves = set()
    for epoch in range(6):
        order.set_epoch(epoch)
        batches = list(order)
        assert all(len({draw.row for draw in batch}) == len(batch) for batch in batches)
        counts = Counter(draw.row for batch in batches for draw in batch)
        assert [counts[row] for row in range(30)] == [3] * 30
        assert sum(counts[row] for row in range(30, 80)) == 25
        assert sum(counts[row] for row in range(80, 90)) == 13
        assert len(batches) == len(order) == 8
        halves |= {row for row in counts if 30 <= row < 80}
    assert len(halves) > 40


def test_copies_of_a_study_are_told_apart():
    draws = [draw for batch in EpochOrder(np.full(10, 2.0), 4, 0) for draw in batch]
    assert len(set(draws)) == 20
    assert {draw.copy for draw in draws} == {0, 1}


def test_blocks_are_read_one_pool_after_another():
    blocks = np.arange(400) // 5
    order = EpochOrder(np.ones(400), 20, 0, blocks=blocks)
    pools = [set(blocks[rows(order)[start : start + 80]]) for start in range(0, 400, 80)]
    assert [len(pool) for pool in pools] == [16] * 5
    assert not pools[0] & pools[1]
    assert pools[0] != set(range(16))


def test_refusals():
    with pytest.raises(DataError, match="split train has 3 studies for 4 processes, which need at least 4"):
        EpochOrder(np.ones(3), 4, processes=4)
    with pytest.raises(DataError, match="split train has 1 studies for 1 process, which need at least 2"):
        EpochOrder(np.ones(1), 4)
    with pytest.raises(ConfigError, match="a weight of 5 needs at least 5 batches per epoch, here are 1"):
        EpochOrder(np.array([5.0, 1.0]), 16)
