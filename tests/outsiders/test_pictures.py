import numpy as np
import pytest

from medxpert.outsiders.pictures import crop, natural


def test_a_crop_is_a_part_of_the_picture():
    picture = np.add.outer(np.arange(100), np.zeros(60)).astype(np.uint8)
    for seed in range(20):
        part = crop(np.random.default_rng(seed), picture, 30)
        assert part.shape == (30, 30)
        assert 28 <= int(part[-1, 0]) - int(part[0, 0]) <= 60
        assert (part == part[:, :1]).all()


@pytest.mark.parametrize("side", [32, 33])
def test_natural_noise_falls_with_frequency(side):
    field = natural(np.random.default_rng(0), side)
    power = np.abs(np.fft.fft2(field)) ** 2
    assert field.std() == pytest.approx(1)
    assert power[1:4, 1:4].mean() > 10 * power[10:14, 10:14].mean()
