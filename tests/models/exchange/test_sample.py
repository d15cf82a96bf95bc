import numpy as np
import pytest

from medxpert.errors import DataError
from medxpert.models.exchange.sample import Rows, compared, draw_sample, our_rows


def rows(value=0.0, shape=(4, 3)):
    return Rows(np.zeros(shape, np.float32), np.full(shape, value, np.float32))


def test_a_sample_fits_the_model_and_fills_its_context(vit):
    model = vit()
    sample = draw_sample(model)
    assert sample.pixels.shape == (4, 32, 32)
    assert sample.pixels.dtype == np.uint8
    assert model.tokenizer.count(sample.texts[-1]) > model.tokenizer.context_length
    again, other = draw_sample(model), draw_sample(model, seed=1)
    assert sample.texts == again.texts != other.texts
    assert np.array_equal(sample.pixels, again.pixels)


def test_rows_of_one_text_are_unit_and_differ(vit):
    model = vit()
    image, text = our_rows(model, draw_sample(model))
    for found in (image, text):
        np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
        assert len(np.unique(found.round(5), axis=0)) == 4


def test_differences_are_told():
    assert compared(rows(), rows(0.25), 0.3, "other") == (0, 0.25)


@pytest.mark.parametrize("theirs", [rows(0.25), rows(np.nan), rows(shape=(4, 2))])
def test_too_large_a_difference_is_an_error(theirs):
    with pytest.raises(DataError, match=r"^other computes other embeddings .* at most 0.2, found .* \(texts\)"):
        compared(rows(), theirs, 0.2, "other")
