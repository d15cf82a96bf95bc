from functools import partial

import numpy as np
import pytest

from medxpert import datamodule
from medxpert.data import csv
from medxpert.datamodule import DataModule, splits_of
from medxpert.errors import ConfigError, DataError
from medxpert.words import SPLITS, Rejected, Study


@pytest.fixture
def make(tmp_path, flat):
    def call(studies=10, rejected=0, more_splits=(), **arguments):
        def read(split):
            for number in range(studies):
                yield Study(f"s{number}", f"p{number}", (flat(number),), findings=f"Text {number // 2}.")
            yield from (Rejected(f"row {number}", "no image") for number in range(rejected))

        def tokens(texts):
            return np.array([[int(text[5:-1])] for text in texts])

        if more_splits:
            read.more_splits = more_splits
        data = DataModule(partial(read), tokens, 8, cache=str(tmp_path), **arguments)
        data.setup()
        return data

    return call


def test_a_batch_holds_each_text_once(make):
    batch = next(iter(make(batch_size=4).val_dataloader()))
    assert batch.rows.tolist() == [0, 1, 2, 3]
    assert batch.tokens.tolist() == [[0], [1]]
    assert batch.text_of.tolist() == [0, 0, 1, 1]
    assert batch.pixels[:, 0, 0].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("more", [(), ("test_shift",), ("another_hospital", "test_shift")])
def test_splits_beyond_the_three_are_opened_where_the_reader_names_them(make, more):
    assert tuple(make(more_splits=more).stores) == (*SPLITS, *more)


class Archive:
    """A reader that is an object."""

    more_splits = ("late",)

    def __call__(self, split):
        return iter(())


@pytest.mark.parametrize(
    ("reader", "expected"), [(Archive(), (*SPLITS, "late")), (lambda split: (), SPLITS), (csv.read, SPLITS)]
)
def test_any_reader_may_name_more_splits(reader, expected):
    assert splits_of(reader) == expected


@pytest.mark.parametrize(("processes", "expected"), [(1, 10), (2, 5), (3, 3)])
def test_a_small_training_split_still_fills_a_batch_of_every_process(make, monkeypatch, processes, expected):
    monkeypatch.setattr(datamodule, "world_size", lambda: processes)
    assert make(batch_size=64).train_dataloader().batch_size == expected


def test_training_order_follows_from_the_seed(make):
    orders = [[batch.rows.tolist() for batch in make(seed=seed, batch_size=5).train_dataloader()] for seed in (1, 1, 2)]
    assert orders[0] == orders[1] != orders[2]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"batch_size": 1}, ConfigError, "loader.batch_size=1: a contrast needs at least 2"),
        ({"max_rejected": 1.5}, ConfigError, r"max_rejected=1.5 lies outside \[0, 1\]"),
        (
            {"rejected": 2},
            DataError,
            "6 of 36 rows are unusable, more than max_rejected=0.1; the first: row 0: no image",
        ),
        ({"studies": 1}, DataError, "split train has 1 studies for 1 processes; each needs at least 2"),
    ],
)
def test_refusals(make, arguments, error, message):
    with pytest.raises(error, match=message):
        make(**arguments).train_dataloader()
