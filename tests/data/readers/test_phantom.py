import itertools
import json
import pickle

import numpy as np
import pytest

from medxpert.data.readers import phantom
from medxpert.data.readers.phantom import read
from medxpert.errors import ConfigError
from medxpert.phantom.look import SHIFT
from medxpert.words import SHIFTED, SPLITS

ALL = (*SPLITS, SHIFTED)


@pytest.fixture(scope="module")
def splits():
    return {split: list(read(split, num_studies=600)) for split in ALL}


def test_all_usual_splits_together_have_the_asked_number(splits):
    assert sum(len(splits[split]) for split in SPLITS) == 600


def test_the_shifted_split_is_offered_and_as_large_as_the_test_split(splits):
    assert read.more_splits == (SHIFTED,)
    assert len(splits[SHIFTED]) == 72
    assert sum(1 for _ in read(SHIFTED)) == pytest.approx(sum(1 for _ in read("test")), rel=0.05)
    assert sum(1 for _ in read(SHIFTED, num_studies=20)) == 2


def test_the_shifted_split_has_the_other_look(splits):
    for split, studies in splits.items():
        assert {study.images[0].scene.look is SHIFT for study in studies} == {split == SHIFTED}
        assert {study.truth["image"]["look"] for study in studies} == {"shift" if split == SHIFTED else "default"}


def test_splits_share_no_patient_study_or_image(splits):
    for one, other in itertools.combinations(ALL, 2):
        for key in (lambda s: s.patient_id, lambda s: s.study_id, lambda s: s.images[0].fingerprint()):
            assert not {key(s) for s in splits[one]} & {key(s) for s in splits[other]}


def test_the_default_test_split_is_large_enough():
    assert sum(1 for _ in read("test")) >= 1000


@pytest.mark.parametrize("split", ["test", SHIFTED])
def test_a_study_does_not_depend_on_how_many_are_asked(splits, split):
    more = {study.study_id: study for study in read(split, num_studies=900)}
    assert all(more[study.study_id] == study for study in splits[split])


def test_a_second_film_shows_the_same_patient_otherwise(splits):
    for split in ALL:
        twice = list(read(split, num_studies=600, num_images=2))
        for study, once in zip(twice, splits[split], strict=True):
            first, second = study.images
            assert (first,) == once.images
            assert (first.view, first.scene.variants) == (second.view, second.scene.variants)
            assert (first.scene.anatomy, first.scene.findings) == (second.scene.anatomy, second.scene.findings)
            assert first.scene.acquisition.pose != second.scene.acquisition.pose
        seconds = {study.images[1].fingerprint() for study in twice}
        assert len(seconds) == len(twice)
        assert seconds == {study.images[1].fingerprint() for study in read(split, num_studies=600, num_images=2)}


def test_seeds_give_other_studies():
    first, second = ({s.images[0].fingerprint() for s in read("val", 100, seed)} for seed in (0, 1))
    assert not first & second


def test_studies_are_complete(splits):
    for split, studies in splits.items():
        for study in studies:
            assert study.study_id.startswith(study.patient_id + "-s")
            assert (study.split, study.source, study.policy) == (split, "phantom", "open")
            assert study.findings or study.impression
            assert set(study.labels.values()) <= {1, 0, -1}
            assert json.loads(json.dumps(study.truth)) == study.truth


def test_images_are_rendered_only_when_read(monkeypatch):
    def refuse(*_):
        raise AssertionError

    monkeypatch.setattr(phantom, "render", refuse)
    study = next(iter(read("train", 50)))
    assert study.images[0].view in ("AP", "PA")
    with pytest.raises(AssertionError):
        study.images[0].read()


def test_images_pickle_and_fingerprints_tell_pixels_apart(splits):
    image = splits["test"][0].images[0]
    again = pickle.loads(pickle.dumps(image))
    assert again.fingerprint() == image.fingerprint()
    np.testing.assert_array_equal(again.read(), image.read())
    other_side = next(iter(read("test", 600, side=64))).images[0]
    assert other_side.fingerprint() != image.fingerprint()
    assert other_side.read().shape == (64, 64)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"split": "dev"}, "split is 'dev'; expected one of train, val, test, test_shift"),
        ({"num_studies": 19}, "data.num_studies=19"),
        ({"side": 63}, "data.side=63"),
        ({"side": 513}, "data.side=513"),
        ({"seed": -1}, "data.seed=-1"),
    ],
)
def test_arguments_out_of_range_are_refused_at_once(arguments, message):
    with pytest.raises(ConfigError, match=message):
        read(**{"split": "train", **arguments})
