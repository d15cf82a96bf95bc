import numpy as np
import pytest

from medxpert.abstention.distance import fit_cloud, held_out_distances, shrunk_covariance, typical


def _rows(count, width, seed=0):
    generator = np.random.default_rng(seed)
    return generator.standard_normal((count, width)) @ generator.standard_normal((width, width)) + 3


def test_distances_are_those_under_the_shrunk_covariance():
    rows, others = _rows(50, 4), _rows(7, 4, seed=1)
    away, inverse = others - rows.mean(axis=0), np.linalg.inv(shrunk_covariance(rows))
    naive = [np.sqrt(one @ inverse @ one) for one in away]
    np.testing.assert_allclose(fit_cloud(rows).distances(others), naive)


def test_many_rows_of_unlike_spread_are_shrunk_by_the_least():
    rows = np.random.default_rng(0).standard_normal((20_000, 3)) * (1, 10, 100)
    sample = np.cov(rows.T, bias=True)
    ball = np.eye(3) * np.trace(sample) / 3
    np.testing.assert_allclose(shrunk_covariance(rows), 0.95 * sample + 0.05 * ball)


def test_few_rows_are_shrunk_more_and_all_where_they_have_no_shape():
    few, many = (_rows(count, 30) for count in (12, 5000))
    off = ~np.eye(30, dtype=bool)
    left = [np.median(shrunk_covariance(rows)[off] / np.cov(rows.T, bias=True)[off]) for rows in (few, many)]
    assert 0 < left[0] < 0.9 < left[1] <= 0.95 + 1e-9
    corners = np.concatenate([np.eye(3), -np.eye(3)])
    np.testing.assert_allclose(shrunk_covariance(corners), np.eye(3) / 3, atol=1e-12)


@pytest.mark.parametrize(("count", "width"), [(12, 32), (20, 512), (2, 5)])
def test_fewer_rows_than_dimensions_still_tell_near_from_far(count, width):
    rows = _rows(count, width)
    cloud = fit_cloud(rows)
    near, far = cloud.distances(np.stack([rows.mean(axis=0), rows.mean(axis=0) + 100]))
    assert near == pytest.approx(0, abs=1e-6)
    assert np.isfinite(far)
    assert far > cloud.distances(rows).max()


def test_rows_without_any_spread_are_no_crash():
    cloud = fit_cloud(np.ones((20, 4)))
    np.testing.assert_allclose(cloud.distances(np.ones((1, 4))), 0)
    assert typical(held_out_distances(np.ones((20, 4)))) > 0


def test_held_out_distances_never_saw_their_row():
    rows = _rows(50, 3)
    rows[17] += 1000
    seen, held = fit_cloud(rows).distances(rows), held_out_distances(rows)
    assert held[17] > 10 * seen[17]
    fold = np.arange(10, 20)
    np.testing.assert_allclose(held[fold], fit_cloud(np.delete(rows, fold, axis=0)).distances(rows[fold]))


def test_another_unit_divides():
    cloud, rows = fit_cloud(_rows(50, 3)), _rows(5, 3, seed=2)
    np.testing.assert_allclose(cloud.scaled(4.0).distances(rows), cloud.distances(rows) / 4)
