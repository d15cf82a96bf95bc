import numpy as np
import pytest

from medxpert.errors import DataError
from medxpert.outsiders.families import FAMILIES
from medxpert.phantom.patients import draw_patient
from medxpert.phantom.rendering import render

BY_NAME = {family.name: family for family in FAMILIES}
RADIOGRAPHS = ("hand", "leg", "skull", "pelvis", "lateral_chest")


@pytest.fixture(scope="module")
def films():
    return np.stack([render(draw_patient(0, patient)[0].scene, 64) for patient in range(6)])


def test_half_of_the_families_only_judge():
    assert len(BY_NAME) == len(FAMILIES) >= 14
    assert sum(family.fitted for family in FAMILIES) in (len(FAMILIES) // 2, (len(FAMILIES) + 1) // 2)


@pytest.mark.parametrize("name", BY_NAME)
def test_outsiders_follow_from_the_seed_and_their_place(films, name):
    family = BY_NAME[name]
    built = family.of(films, seed=3)
    assert (built.shape, built.dtype) == (films.shape, np.uint8)
    np.testing.assert_array_equal(built, family.of(films, seed=3))
    np.testing.assert_array_equal(built[:2], family.of(films[:2], seed=3))
    assert not (built == films).all(axis=(1, 2)).any()


@pytest.mark.parametrize("name", [name for name in BY_NAME if name not in ("rotated_180", "inverted")])
def test_another_seed_gives_other_outsiders(films, name):
    one, other = (BY_NAME[name].of(films, seed) for seed in (0, 1))
    assert (one != other).any()


@pytest.mark.parametrize("name", BY_NAME)
def test_any_size_will_do(name):
    odd = np.random.default_rng(0).integers(0, 256, (1, 50, 50), dtype=np.uint8)
    assert BY_NAME[name].of(odd).shape == odd.shape
    assert BY_NAME[name].of(odd[:0]).shape == (0, 50, 50)


@pytest.mark.parametrize("name", RADIOGRAPHS)
def test_radiographs_show_bright_bone_in_grey_flesh_on_a_dark_film(films, name):
    for film in BY_NAME[name].of(films):
        dark, flesh, bone = np.quantile(film, (0.02, 0.5 if name != "hand" else 0.85, 0.995))
        assert dark < 70
        assert bone > dark + 80
        assert bone > flesh + 30
        assert (film == 255).mean() < 0.2


def test_blank_films_hold_next_to_nothing(films):
    blank = BY_NAME["blank"].of(np.tile(films, (4, 1, 1)))
    assert np.median(np.abs(np.diff(blank.astype(int), axis=2)).mean(axis=(1, 2))) < 3


def test_pages_of_text_are_mostly_paper():
    for page in BY_NAME["text_page"].of(np.zeros((8, 128, 128), np.uint8)).astype(int):
        paper = np.median(page)
        assert (np.abs(page - paper) < 40).mean() > 0.5
        assert (np.abs(page - paper) > 80).mean() > 0.02


def test_turned_films_can_be_turned_back(films):
    for film, turned in zip(films, BY_NAME["rotated_90"].of(films), strict=True):
        assert any((np.rot90(turned, quarters) == film).all() for quarters in (1, 3))
    np.testing.assert_array_equal(np.rot90(BY_NAME["rotated_180"].of(films), 2, axes=(1, 2)), films)


def test_inverted_films_have_dark_bones(films):
    np.testing.assert_array_equal(BY_NAME["inverted"].of(films).astype(int) + films, 255)


def test_shuffled_films_keep_their_grey_levels_in_other_places(films):
    for film, mixed in zip(films, BY_NAME["shuffled"].of(films), strict=True):
        np.testing.assert_array_equal(np.sort(mixed, axis=None), np.sort(film, axis=None))
        assert (mixed != film).mean() > 0.3


def test_cropped_films_are_an_enlarged_part():
    ramp = np.tile(np.arange(0, 192, 2, dtype=np.uint8), (96, 1))[None]
    part = BY_NAME["cropped"].of(ramp)[0]
    assert 24 <= int(part.max()) - int(part.min()) <= 96 * 2 * 0.42


@pytest.mark.parametrize(
    ("films", "found"),
    [
        (np.zeros((64, 64), np.uint8), r"uint8 \[64, 64\]"),
        (np.zeros((2, 64, 32), np.uint8), r"uint8 \[2, 64, 32\]"),
        (np.zeros((2, 8, 8), np.uint8), r"uint8 \[2, 8, 8\]"),
        (np.zeros((2, 64, 64), np.float32), r"float32 \[2, 64, 64\]"),
    ],
)
def test_what_is_no_film_is_refused(films, found):
    with pytest.raises(DataError, match=f"expected films uint8 .* found {found}"):
        FAMILIES[0].of(films)
