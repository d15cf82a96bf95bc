from functools import partial

import numpy as np
import pytest

from medxpert import datamodule
from medxpert.data.order import InOrder
from medxpert.data.readers import csv
from medxpert.data.survey import splits_of
from medxpert.datamodule import DataModule
from medxpert.errors import ConfigError, DataError
from medxpert.words import SPLITS, Rejected, Study


@pytest.fixture
def make(tmp_path, flat):
    def call(studies=10, rejected=0, more_splits=(), views=("PA",), impression="", **arguments):
        def read(split):
            first = 80 * (*SPLITS, *more_splits).index(split)
            for number in range(studies):
                images = tuple(flat((first + number + 25 * place) % 256, view) for place, view in enumerate(views))
                yield Study(f"{split}-{number}", f"{split}-p{number}", images, f"Text {number // 2}.", impression)
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
    assert batch.pixels[:, 0, 0].tolist() == [80, 81, 82, 83]
    assert batch.second_pixels is None
    assert batch.second_text_of is None


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


def seen(data):
    return [batch.rows.tolist() for batch in data.train_dataloader()]


@pytest.mark.parametrize(("processes", "sizes"), [(1, [10]), (2, [5, 5]), (3, [4, 3, 3])])
def test_a_small_training_split_still_fills_a_batch_of_every_process(make, monkeypatch, processes, sizes):
    data = make(batch_size=64)
    monkeypatch.setattr(datamodule, "world_size", lambda: processes)
    batches = []
    for rank in range(processes):
        monkeypatch.setattr(datamodule, "rank", lambda rank=rank: rank)
        batches += seen(data)
    assert [len(batch) for batch in batches] == sizes
    rows = [row for batch in batches for row in batch]
    assert sorted(rows) == list(range(10))


def test_an_epoch_holds_every_study_once_in_batches_of_one_size(make):
    batches = seen(make(batch_size=4))
    assert [len(batch) for batch in batches] == [4, 3, 3]
    assert sorted(row for batch in batches for row in batch) == list(range(10))


def test_two_images_and_two_sections_of_a_study_stand_side_by_side(make):
    data = make(images="two", text="two_sections", impression="Text 90.", views=("LATERAL", "PA", "AP"))
    batch = next(iter(data.train_dataloader()))
    first, second = batch.pixels[:, 0, 0].tolist(), batch.second_pixels[:, 0, 0].tolist()
    for row, one, other in zip(batch.rows.tolist(), first, second, strict=True):
        assert one != other
        assert {one, other} <= {row, row + 25, row + 50}
    assert [batch.tokens[of].item() for of in batch.text_of] == [row // 2 for row in batch.rows.tolist()]
    assert {batch.tokens[of].item() for of in batch.second_text_of} == {90}


def test_studies_that_say_the_same_share_a_number(make):
    batch = next(iter(make(batch_size=10).train_dataloader()))
    numbers = batch.text_ids[batch.text_of].tolist()
    for row, number in zip(batch.rows.tolist(), numbers, strict=True):
        assert [other for other, same in zip(batch.rows.tolist(), numbers, strict=True) if same == number] == [
            other for other in batch.rows.tolist() if other // 2 == row // 2
        ]


def test_labels_stand_beside_the_rows(make):
    data = make(batch_size=4)
    for batch in data.train_dataloader():
        assert batch.labels.tolist() == data.stores["train"].cases.labels[batch.rows].tolist()


def test_a_study_with_one_image_and_one_section_gives_them_twice(make):
    batch = next(iter(make(images="two", text="two_sections").train_dataloader()))
    assert batch.pixels.equal(batch.second_pixels)
    assert batch.text_of.equal(batch.second_text_of)


def test_a_random_image_changes_from_epoch_to_epoch_and_follows_from_the_seed(make):
    def epochs(seed):
        loader = make(images="random", views=("PA", "LATERAL"), seed=seed).train_dataloader()
        for epoch in range(4):
            loader.sampler.set_epoch(epoch)
            (batch,) = loader
            yield sorted(zip(batch.rows.tolist(), batch.pixels[:, 0, 0].tolist(), strict=True))

    found = list(epochs(0))
    assert found == list(epochs(0))
    assert found[0] != found[1]
    assert {pixel - row for epoch in found for row, pixel in epoch} == {0, 25}


def test_evaluation_shows_the_frontal_image_and_the_longest_section_whatever_training_draws(make):
    data = make(images="two", text="impression", impression="Text 123456.", views=("LATERAL", "PA"))
    (batch,) = data.val_dataloader()
    assert batch.pixels[:, 0, 0].tolist() == [105 + row for row in range(10)]
    assert batch.second_pixels is None
    assert set(data.stores["val"].cases.texts) == {"Text 123456."}


def test_missing_sections_are_counted(make, caplog):
    caplog.set_level("INFO")
    make(text="impression")
    assert "loader.text=impression: 10 of 10 training studies lack a section; the other one stands" in caplog.text


@pytest.mark.parametrize(("count", "processes"), [(10, 3), (10, 1), (2, 4)])
def test_validation_gives_every_process_as_many_rows(count, processes):
    orders = [InOrder(count, 3, rank, processes) for rank in range(processes)]
    rows = [[row for batch in order for row in batch] for order in orders]
    assert len({len(own) for own in rows}) == 1
    assert {row for own in rows for row in own} == set(range(count))


def test_training_order_follows_from_the_seed(make):
    orders = [[batch.rows.tolist() for batch in make(seed=seed, batch_size=5).train_dataloader()] for seed in (1, 1, 2)]
    assert orders[0] == orders[1] != orders[2]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"batch_size": 1}, ConfigError, "loader.batch_size=1: a contrast needs at least 2"),
        ({"chunk_size": 0}, ConfigError, "loader.chunk_size=0 must be at least 1, or null"),
        ({"max_rejected": 1.5}, ConfigError, r"max_rejected=1.5 lies outside \[0, 1\]"),
        (
            {"rejected": 2},
            DataError,
            "6 of 36 studies are unusable, more than max_rejected=0.1; .* the first: row 0: no image",
        ),
        ({"studies": 1}, DataError, "split train has 1 studies for 1 process, which need at least 2"),
    ],
)
def test_refusals(make, arguments, error, message):
    with pytest.raises(error, match=message):
        make(**arguments).train_dataloader()
