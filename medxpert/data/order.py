"""In which order studies are seen; in training it follows from seed and epoch, so that it can be entered anywhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Sampler

from medxpert.errors import ConfigError, DataError

MIN_BATCH = 2
"""A contrast needs two studies."""
_POOLED_BLOCKS = 16


class Draw(NamedTuple):
    """One sight of one study; everything random about it follows from these three and the seed."""

    epoch: int
    row: int
    copy: int
    """0, or more where its weight lets an epoch see it several times."""


class Place(NamedTuple):
    """Where in the training a batch stands."""

    epoch: int
    batch: int


class EpochOrder(Sampler[list[Draw]]):
    """Yields the batches of one process, epoch by epoch; a study of weight 1 stands in exactly one batch of an epoch.

    All batches of an epoch have the same size, give or take one, and no study stands twice in a batch. With several
    processes each takes its share of every batch, give or take one study; the batches themselves follow from
    `batch_size * processes`, so that two processes of 32 train as one of 64 does.

    Args:
        weights: [N] how often an epoch sees each study, on average; as many draws in every epoch.
        batch_size: studies per batch and process, at most (a batch of all processes holds at least 2).
        seed: of all orders.
        rank: this process.
        processes: how many there are.
        blocks: [N] the block of the store that holds each study, ascending; a store that streams is then read
            block after block, 16 of them shuffled together.

    Raises:
        DataError: there are fewer studies than processes, or fewer than 2.
        ConfigError: a study is to be seen more often than there are batches.
    """

    def __init__(
        self,
        weights: NDArray[np.float64],
        batch_size: int,
        seed: int = 0,
        rank: int = 0,
        processes: int = 1,
        blocks: NDArray[np.int64] | None = None,
    ) -> None:
        self._weights, self._seed, self._rank, self._processes, self._blocks = weights, seed, rank, processes, blocks
        num_draws = sum(_num_draws(weight, count) for weight, count in _classes(weights))
        smallest = max(MIN_BATCH, processes)
        if num_draws < smallest:
            raise DataError(
                f"split train has {len(weights)} studies for {_counted(processes)}, which need at least {smallest}; "
                "lower trainer.devices or give more studies"
            )
        num_batches = min(-(-num_draws // (batch_size * processes)), num_draws // smallest)
        self._sizes = _even(num_draws, num_batches)
        most = int(np.ceil(weights.max()))
        if most > num_batches:
            raise ConfigError(
                f"a weight of {weights.max():g} needs at least {most} batches per epoch, here are {num_batches}; "
                "lower data.weights or loader.batch_size"
            )
        self._next = Place(0, 0)

    @property
    def largest_batch(self) -> int:
        """Studies in the largest batch of a process."""
        return -(-max(self._sizes) // self._processes)

    def __len__(self) -> int:
        return len(self._sizes)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that is iterated next; a place in it that was entered before stays."""
        if epoch != self._next.epoch:
            self._next = Place(epoch, 0)

    def enter(self, place: Place) -> None:
        """Let the next iteration begin at a place."""
        self._next = place

    def __iter__(self) -> Iterator[list[Draw]]:
        epoch, first = self._next
        self._next = Place(epoch, 0)
        rows, copies = self._drawn(epoch)
        starts = np.cumsum([0, *self._sizes])
        for start, size in list(zip(starts, self._sizes, strict=False))[first:]:
            own = _even(size, self._processes)
            begin = start + sum(own[: self._rank])
            yield [Draw(epoch, int(rows[place]), int(copies[place])) for place in range(begin, begin + own[self._rank])]

    def rows(self, epoch: int) -> NDArray[np.int64]:
        """Return the rows that all processes see in an epoch, in order."""
        return self._drawn(epoch)[0]

    def _drawn(self, epoch: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return rows and copies in the order of the epoch."""
        generator = np.random.default_rng((self._seed, epoch))
        rows, copies, counts = self._copies(generator)
        if self._blocks is None:
            # A study's copies fall into equal parts of the epoch.
            order = np.argsort((copies + generator.random(len(rows))) / counts, kind="stable")
        else:
            order = _by_blocks(self._blocks[rows], copies, generator)
        return _apart(rows[order], copies[order], np.array(self._sizes))

    def _copies(self, generator: np.random.Generator) -> tuple[NDArray[np.int64], ...]:
        """Return rows, the number of each draw of a row, and how many the row has."""
        counts = np.floor(self._weights).astype(np.int64)
        for weight, count in _classes(self._weights):
            members = np.flatnonzero(self._weights == weight)
            extra = _num_draws(weight, count) - int(np.floor(weight)) * count
            counts[generator.permutation(members)[:extra]] += 1
        rows = np.repeat(np.arange(len(counts)), counts)
        copies = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
        return rows, copies, counts[rows]


class InOrder(Sampler[list[int]]):
    """Batches of consecutive rows; every process gets as many, the last ones begin again at the first row."""

    def __init__(self, num_rows: int, batch_size: int, rank: int, processes: int) -> None:
        own = np.arange(rank, max(num_rows, processes), processes)
        longest = -(-num_rows // processes)
        self._rows = np.resize(own, longest) % num_rows
        self._batch_size = batch_size

    def __len__(self) -> int:
        return -(-len(self._rows) // self._batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        for start in range(0, len(self._rows), self._batch_size):
            yield self._rows[start : start + self._batch_size].tolist()


def _classes(weights: NDArray[np.float64]) -> list[tuple[float, int]]:
    """Return each weight and how many studies have it."""
    values, counts = np.unique(weights, return_counts=True)
    return list(zip(values.tolist(), counts.tolist(), strict=True))


def _even(count: int, parts: int) -> list[int]:
    """Divide a number into whole parts that differ by one at most, the larger ones first."""
    size, larger = divmod(count, parts)
    return [size + (part < larger) for part in range(parts)]


def _counted(processes: int) -> str:
    return f"{processes} process{'es' if processes > 1 else ''}"


def _num_draws(weight: float, count: int) -> int:
    return round(weight * count)


def _by_blocks(
    blocks: NDArray[np.int64], copies: NDArray[np.int64], generator: np.random.Generator
) -> NDArray[np.int64]:
    """Order draws so that each pool of blocks is read once per round of copies."""
    names = np.unique(blocks)
    place = np.empty(int(names.max()) + 1, np.int64)
    place[names] = generator.permutation(len(names))
    return np.lexsort((generator.random(len(blocks)), place[blocks] // _POOLED_BLOCKS, copies))


def _apart(
    rows: NDArray[np.int64], copies: NDArray[np.int64], sizes: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Swap copies of a study that fell into one batch with draws of other batches."""
    if not copies.any():
        return rows, copies
    batches = np.repeat(np.arange(len(sizes)), sizes)
    for place in _repeated(rows, batches):
        other = next(_partners(place, rows, batches), place)
        for values in (rows, copies):
            values[[place, other]] = values[[other, place]]
    return rows, copies


def _repeated(rows: NDArray[np.int64], batches: NDArray[np.int64]) -> Sequence[int]:
    pairs = batches * (int(rows.max()) + 1) + rows
    first = np.unique(pairs, return_index=True)[1]
    return np.setdiff1d(np.arange(len(rows)), first).tolist()


def _partners(place: int, rows: NDArray[np.int64], batches: NDArray[np.int64]) -> Iterator[int]:
    """Yield the draws, nearest batch first, that can change places with a draw without a new repetition."""
    row, batch = rows[place], batches[place]
    holding = set(batches[rows == row].tolist())
    own = set(rows[batches == batch].tolist())
    distance = np.abs(batches - batch)
    for other in np.argsort(distance, kind="stable").tolist():
        if batches[other] not in holding and rows[other] not in own:
            yield other
