import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medxpert.errors import DataError
from medxpert.outsiders.families import FAMILIES
from medxpert.outsiders.pictures import crop

REASONS = {
    "blank": "blank or featureless",
    "rotated_90": "seems to be rotated; turn it (clockwise|counter-clockwise) by 90 degrees",
    "rotated_180": "seems to be rotated; turn it by 180 degrees",
    "inverted": "seems to be inverted, with dark bones",
}
FOREIGN = "not a chest radiograph as the model knows them|too far from the studies"


def _auroc(inside, outside):
    return (outside[:, None] > inside).mean() + 0.5 * (outside[:, None] == inside).mean()


def _small(picture):
    return np.asarray(Image.fromarray(picture).convert("L").resize((64, 64), Image.Resampling.BOX))


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_each_family_is_told_from_chests_that_were_not_seen(chests, encoder, abstainer, family):
    strangers = family.of(chests.test[:40], seed=9)
    inside = abstainer.scores(chests.test, encoder(chests.test))
    assert _auroc(inside, abstainer.scores(strangers, encoder(strangers))) >= 0.98
    assert abstainer.refuses(strangers, encoder(strangers)).mean() >= 0.9


def test_chests_are_not_refused(chests, encoder, abstainer):
    shares = [abstainer.refuses(films, encoder(films)).mean() for films in chests]
    assert shares[0] <= 0.02
    assert shares[1] <= 0.05
    assert shares[2] <= 0.5


def test_an_embedding_far_from_all_is_refused_whatever_the_film_looks_like(chests, encoder, abstainer):
    film, vector = chests.test[0], encoder(chests.test[:1])[0]
    assert abstainer.judge(film, vector)[:2] == (False, "")
    judged = abstainer.judge(film, -vector)
    assert judged.refused
    assert judged.score > judged.threshold
    assert re.search(FOREIGN, judged.reason)


def test_a_film_unlike_all_is_refused_whatever_the_embedding_says(chests, encoder, abstainer):
    strangers = np.concatenate([np.rot90(chests.test[:20], 2, axes=(1, 2)), 255 - chests.test[:20]])
    assert abstainer.refuses(strangers, np.tile(encoder(chests.test[:20]), (2, 1))).all()


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_the_reason_says_what_can_be_done(chests, encoder, abstainer, family):
    strangers = family.of(chests.test[:12], seed=4)
    judged = [abstainer.judge(one, vector) for one, vector in zip(strangers, encoder(strangers), strict=True)]
    fitting = [bool(re.search(REASONS.get(family.name, FOREIGN), one.reason)) for one in judged]
    # an empty exposed field is blank to a person, but has the contrast of a film
    assert np.mean(fitting) >= (0.5 if family.name == "blank" else 0.9)


@pytest.mark.parametrize(("quarters", "cure"), [(1, "clockwise by 90"), (2, "by 180"), (3, "counter-clockwise by 90")])
def test_the_cure_sets_the_film_upright(chests, encoder, abstainer, quarters, cure):
    turned = np.rot90(chests.test[0], quarters)
    for film, inverted in ((turned, ""), (255 - turned, "and inverted")):
        judged = abstainer.judge(film, encoder(film[None])[0])
        assert f"turn it {cure} degrees" in judged.reason
        assert inverted in judged.reason


def test_near_outsiders_are_far_and_others_foreign(chests, encoder, abstainer):
    vector = encoder(chests.test[:1])[0]
    away = vector - abstainer.embedding.mean
    reasons = {}
    for step in np.linspace(1, 60, 60):
        judged = abstainer.judge(chests.test[0], abstainer.embedding.mean + step * away)
        reasons.setdefault(judged.reason, judged.score)
    words = ("further", "far", "not a chest", "none")
    told = [next(word for word in words if word in (reason or "none")) for reason in reasons]
    assert told == ["none", "further", "far", "not a chest"]
    assert list(reasons.values())[3] >= abstainer.bounds.foreign


def test_judging_one_by_one_is_judging_all(chests, encoder, abstainer):
    films = np.concatenate([chests.test[:5], 255 - chests.test[:5]])
    vectors = encoder(films)
    judged = [abstainer.judge(film, vector) for film, vector in zip(films, vectors, strict=True)]
    np.testing.assert_allclose([one.score for one in judged], abstainer.scores(films, vectors))
    np.testing.assert_array_equal([one.refused for one in judged], abstainer.refuses(films, vectors))
    assert {one.threshold for one in judged} == {abstainer.bounds.refused}
    assert [one.score > one.threshold for one in judged] == [one.refused for one in judged]
    usual = abstainer.bounds.usual
    assert [usual < one.score <= one.threshold for one in judged] == [one.doubtful for one in judged]


def test_a_film_of_another_size_is_judged_alike(chests, encoder, abstainer):
    film, vector = chests.test[0], encoder(chests.test[:1])[0]
    double = np.kron(film, np.ones((2, 2), np.uint8))
    assert abstainer.judge(double, vector).score == pytest.approx(abstainer.judge(film, vector).score)


def test_the_fainter_a_film_the_further_it_is(chests, encoder, abstainer):
    vector = encoder(chests.test[:1])[0]
    faint = [(chests.test[0] * factor).astype(np.uint8) for factor in (1, 0.15, 0.05, 0.02, 0)]
    scores = [abstainer.judge(film, vector).score for film in faint]
    assert scores[0] < abstainer.bounds.refused
    assert scores[1:] == sorted(scores[1:])
    assert np.isfinite(scores).all()
    assert scores[-1] > 10 * abstainer.bounds.refused


def test_an_embedding_that_is_no_number_is_refused(chests, encoder, abstainer):
    broken = np.full(24, np.nan, np.float32)
    assert abstainer.judge(chests.test[0], broken).refused


@pytest.mark.parametrize(
    ("pixels", "width"),
    [((1, 64, 64), 23), ((2, 64, 64), 24), ((1, 64, 32), 24), ((1, 4, 4), 24), ((64, 64), 24)],
)
def test_shapes_that_do_not_fit_are_refused(abstainer, pixels, width):
    with pytest.raises(DataError, match=r"embeddings \[N, 24\], found uint8"):
        abstainer.scores(np.zeros(pixels, np.uint8), np.zeros((1, width), np.float32))


def _refused(pictures, encoder, abstainer):
    stack = np.stack(pictures)
    return abstainer.refuses(stack, encoder(stack))


def test_photographs_that_come_with_scikit_learn_are_refused(encoder, abstainer):
    images = pytest.importorskip("sklearn.datasets").load_sample_images().images
    generator = np.random.default_rng(0)
    grey = [np.asarray(Image.fromarray(image).convert("L")) for image in images]
    assert _refused([crop(generator, image, 64) for image in grey for _ in range(20)], encoder, abstainer).all()


def test_pictures_that_come_with_scikit_image_are_refused(encoder, abstainer):
    folder = Path(pytest.importorskip("skimage").__file__).parent / "data"
    names = ("camera", "page", "text", "coins", "moon", "astronaut", "brick", "cell", "retina", "phantom")
    paths = [path for name in names for path in sorted(folder.glob(f"{name}.[jp][pn]g"))]
    pictures = [_small(np.asarray(Image.open(path).convert("L"))) for path in paths]
    assert len(pictures) >= 8
    assert _refused(pictures, encoder, abstainer).all()


def test_slices_that_come_with_pydicom_are_refused(encoder, abstainer):
    pydicom = pytest.importorskip("pydicom")
    data = pytest.importorskip("pydicom.data")
    for name in ("CT_small.dcm", "MR_small.dcm"):
        stored = pydicom.dcmread(data.get_testdata_file(name, download=False)).pixel_array.astype(float)
        grey = (255 * (stored - stored.min()) / np.ptp(stored)).astype(np.uint8)
        assert _refused([_small(grey)], encoder, abstainer).all()
