import numpy as np
import pytest

from medxpert.locating.heat import enlarged, merged, moved, moved_back, warmest


def test_moving_back_undoes_moving():
    pixels = np.zeros((32, 32), np.uint8)
    pixels[12:15, 20] = 200
    pictures = moved(pixels, 3)
    assert pictures.shape == (5, 32, 32)
    assert pictures[1, 15:18, 23].tolist() == [200, 200, 200]
    assert pictures[3, 15:18, 17].tolist() == [200, 200, 200]
    np.testing.assert_array_equal(moved_back(pictures.astype(np.float32), 3), 5.0 * pixels)


def test_a_warm_cell_stays_where_it_is():
    grid = np.zeros((4, 8), np.float32)
    grid[1, 6] = 1
    y, x = np.unravel_index(int(enlarged(grid, 64, 64).argmax()), (64, 64))
    assert (abs(y + 0.5 - 24), abs(x + 0.5 - 52)) <= (1, 1)


def test_layers_count_alike_whatever_their_size():
    one, other = np.zeros((2, 64, 64), np.float32)
    one[10, 10], other[50, 50] = 1000, 1e-3
    total = merged([one, other])
    assert total[10, 10] == pytest.approx(total[50, 50], rel=1e-4)
    assert not merged([np.zeros((8, 8), np.float32)]).any()


@pytest.mark.parametrize(
    ("heat", "share"),
    [(np.ones((10, 10)), 0.1), (np.zeros((10, 10)), 0.0), (np.eye(10), 1.0)],
)
def test_share_of_the_warmest_tenth(heat, share):
    assert warmest(heat.astype(np.float32)) == pytest.approx(share)
