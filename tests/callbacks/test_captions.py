from types import SimpleNamespace

import numpy as np
import pytest
import torch

from medxpert.callbacks import captions as callback
from medxpert.callbacks.captions import CaptionQuality, spread
from medxpert.errors import ConfigError


class Model:
    """Says of each image how grey it is."""

    mean = torch.zeros(1)

    def captions(self, pixels, num_beams, max_words):
        return [f"{int(image[0, 0])} {num_beams} {max_words}" for image in pixels]


class Store:
    """Studies whose second image would be wrong."""

    def __init__(self, count):
        self.pixels = np.arange(2 * count, dtype=np.uint8)[:, None, None] * np.ones((1, 4, 4), np.uint8)
        self.image_rows = [np.array([2 * row, 2 * row + 1]) for row in range(count)]
        self.cases = SimpleNamespace(take=lambda rows: rows.tolist())

    def __len__(self):
        return len(self.image_rows)


def measured(seen, store, sanity=False, **settings):
    """Let the callback measure one epoch; returns what was logged."""
    logged = {}
    quality = CaptionQuality(lambda said, cases: seen.append((said, cases)) or {"label_f1": 0.5}, **settings)
    trainer = SimpleNamespace(
        sanity_checking=sanity, datamodule=SimpleNamespace(stores={"val": store}), is_global_zero=True, global_step=3
    )
    quality.on_validation_epoch_end(trainer, SimpleNamespace(model=Model(), log_dict=logged.update))
    return logged


def test_first_image_of_every_study_is_captioned_in_order():
    seen = []
    assert measured(seen, Store(40), num_beams=2, max_words=9) == {"val/label_f1": 0.5}
    said, rows = seen[0]
    assert rows == list(range(40))
    assert said == [f"{2 * row} 2 9" for row in range(40)]


def test_sample_is_spread_over_the_split():
    seen = []
    measured(seen, Store(10), num_studies=4)
    assert seen[0][1] == [0, 3, 6, 9]
    assert spread(3, 8) == [0, 1, 2]
    assert spread(1, 8) == [0]


def test_ranks_divide_the_sample(monkeypatch):
    shares = []
    monkeypatch.setattr(callback, "world_size", lambda: 2)
    monkeypatch.setattr(callback, "gather_objects", lambda own: shares.append(own) or [["x"] * 3, ["x"] * 2])
    for number in range(2):
        monkeypatch.setattr(callback, "rank", lambda number=number: number)
        measured([], Store(5))
    seen = []
    monkeypatch.setattr(callback, "gather_objects", lambda own: shares)
    measured(seen, Store(5))
    assert [len(share) for share in shares] == [3, 2]
    assert seen[0][0] == [f"{2 * row} 3 60" for row in range(5)]


def test_sanity_check_measures_nothing():
    assert measured([], Store(3), sanity=True) == {}


@pytest.mark.parametrize("key", ["num_studies", "num_beams", "max_words"])
def test_numbers_that_cannot_be(key):
    with pytest.raises(ConfigError, match=f"callbacks.captions.{key}=0"):
        CaptionQuality(lambda said, cases: {}, **{key: 0})
