import itertools
import pickle

import numpy as np
import pytest

from medxpert.data.readers import shapes
from medxpert.data.readers.shapes import read
from medxpert.errors import ConfigError
from medxpert.words import SPLITS


@pytest.fixture(scope="module")
def splits():
    return {split: list(read(split, num_studies=400)) for split in SPLITS}


def test_splits_have_their_shares_and_nothing_in_common(splits):
    assert [len(splits[split]) for split in SPLITS] == [320, 40, 40]
    for one, other in itertools.combinations(SPLITS, 2):
        for key in (lambda s: s.patient_id, lambda s: s.study_id, lambda s: s.images[0].fingerprint()):
            assert not {key(s) for s in splits[one]} & {key(s) for s in splits[other]}


def test_studies_are_complete_and_open(splits):
    for split, studies in splits.items():
        for study in studies:
            assert (study.split, study.source, study.policy) == (split, "shapes", "open")
            assert study.findings
            assert not study.labels


def test_a_picture_does_not_depend_on_how_many_are_asked(splits):
    assert list(read("val", num_studies=900))[:40] == splits["val"]


def test_seeds_give_other_pictures():
    first, second = ({s.images[0].fingerprint() for s in read("val", 100, seed)} for seed in (0, 1))
    assert not first & second


def test_pictures_pickle_and_fingerprints_tell_pixels_apart(splits):
    image = splits["test"][0].images[0]
    again = pickle.loads(pickle.dumps(image))
    assert again.fingerprint() == image.fingerprint()
    np.testing.assert_array_equal(again.read(), image.read())
    small = next(iter(read("test", 400, side=64))).images[0]
    assert small.fingerprint() != image.fingerprint()
    assert small.read().shape == (64, 64)


def test_pictures_are_rendered_only_when_read(monkeypatch):
    def refuse(*_):
        raise AssertionError

    monkeypatch.setattr(shapes, "render", refuse)
    study = next(iter(read("train", 50)))
    with pytest.raises(AssertionError):
        study.images[0].read()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"split": "dev"}, "split is 'dev'; expected one of train, val, test"),
        ({"num_studies": 19}, "num_studies=19"),
        ({"side": 31}, "side=31"),
        ({"side": 513}, "side=513"),
        ({"seed": -1}, "seed=-1"),
    ],
)
def test_arguments_out_of_range_are_refused_at_once(arguments, message):
    with pytest.raises(ConfigError, match=message):
        read(**{"split": "train", **arguments})
