import numpy as np
import pytest

from medxpert.abstention.abstainer import LEAST
from medxpert.abstention.fitting import Pictures, build_outsiders, fit
from medxpert.errors import DataError
from medxpert.outsiders.families import FAMILIES


def test_about_two_in_a_hundred_are_refused_where_no_outsider_gives_room(chests, encoder):
    vectors = encoder(chests.val)
    abstainer = fit(vectors, chests.val)
    assert abstainer.refuses(chests.val, vectors).mean() <= 0.03
    assert abstainer.refuses(chests.test, encoder(chests.test)).mean() <= 0.06


def test_outsiders_give_room_but_never_more_than_half_as_much_again(chests, encoder):
    vectors = encoder(chests.val)
    alone = fit(vectors, chests.val).bounds
    for far in (200, 0):
        strangers = np.full((5, 64, 64), far, np.uint8)
        moved = fit(vectors, chests.val, {"far": Pictures(strangers, encoder(255 - chests.val[:5]))}).bounds
        assert alone.refused < moved.refused <= 1.5 * alone.refused + 1e-9
        assert moved.film / alone.film == pytest.approx(moved.refused / alone.refused)
        assert moved.foreign > moved.refused


def test_outsiders_amid_the_studies_leave_the_bound_where_it_was(chests, encoder):
    vectors = encoder(chests.val)
    amid = {"amid": Pictures(chests.test, encoder(chests.test)), "none": Pictures(chests.test[:0], vectors[:0])}
    alone, moved = fit(vectors, chests.val).bounds, fit(vectors, chests.val, amid).bounds
    assert moved.refused == moved.foreign == alone.refused


def test_only_the_families_for_fitting_are_built(chests, encoder):
    built = build_outsiders(chests.val, encoder, per_family=3)
    assert list(built) == [family.name for family in FAMILIES if family.fitted]
    assert {len(one.pixels) for one in built.values()} == {3}
    for one in built.values():
        np.testing.assert_array_equal(one.vectors, encoder(one.pixels))
    again = build_outsiders(chests.val, encoder, per_family=3)
    np.testing.assert_array_equal(built["inverted"].pixels, again["inverted"].pixels)


def test_fewer_films_than_asked_for_make_fewer_outsiders(chests, encoder):
    assert {len(one.pixels) for one in build_outsiders(chests.val[:2], encoder).values()} == {2}


@pytest.mark.parametrize("count", [1, 12, LEAST - 1])
def test_few_studies_refuse_nothing_and_say_so(chests, encoder, count):
    films = chests.val[:count]
    abstainer = fit(encoder(films), films, build_outsiders(films, encoder, per_family=2))
    assert not abstainer.fitted
    judged = abstainer.judge(255 - films[0], encoder(films)[0])
    assert judged[0] is False
    assert f"there were {count} validation studies, and {LEAST} are needed" in judged.reason
    assert judged[2:] == (None, None, False)
    assert not abstainer.refuses(255 - films, encoder(films)).any()
    with pytest.raises(DataError, match=f"fitted on {count} validation studies, expected at least {LEAST}"):
        abstainer.scores(films, encoder(films))


@pytest.mark.parametrize("count", [LEAST, 40])
def test_a_small_validation_split_still_tells_chests_from_the_rest(chests, encoder, count):
    films = chests.val[:count]
    abstainer = fit(encoder(films), films, build_outsiders(films, encoder))
    assert abstainer.refuses(chests.test, encoder(chests.test)).mean() <= 0.1
    assert abstainer.refuses(255 - chests.test, encoder(255 - chests.test)).all()


def test_studies_that_are_all_alike_are_no_crash():
    films = np.full((30, 16, 16), 90, np.uint8)
    vectors = np.tile(np.eye(1, 8, dtype=np.float32), (30, 1))
    abstainer = fit(vectors, films, {})
    assert np.isfinite(abstainer.scores(films, vectors)).all()
    noisy = np.random.default_rng(0).integers(0, 256, (1, 16, 16), dtype=np.uint8)
    assert abstainer.refuses(noisy, vectors[:1]).all()


@pytest.mark.parametrize(
    ("vectors", "pixels"),
    [
        (np.zeros((3, 4)), np.zeros((2, 16, 16), np.uint8)),
        (np.zeros(4), np.zeros((4, 16, 16), np.uint8)),
        (np.zeros((2, 4)), np.zeros((2, 16, 8), np.uint8)),
        (np.zeros((2, 4)), np.zeros((2, 4, 4), np.uint8)),
        (np.zeros((2, 4)), np.zeros((2, 16, 16))),
    ],
)
def test_what_does_not_fit_together_is_refused(vectors, pixels):
    with pytest.raises(DataError, match=r"expected pictures uint8 .* encode the same pictures"):
        fit(vectors, pixels)
