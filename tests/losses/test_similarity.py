import torch
from losses.studies import rows

from medxpert.losses.similarity import scaled_cosines


def test_mixed_precision_does_not_round():
    image, text, scale = rows(7, 0), rows(3, 1), torch.tensor(25.0)
    with torch.autocast("cpu", torch.bfloat16):
        found = scaled_cosines(image, text, scale)
    expected = [[25 * sum(float(x * y) for x, y in zip(a, b, strict=True)) for b in text] for a in image]
    torch.testing.assert_close(found, torch.tensor(expected))


def test_rows_in_half_precision_make_float32():
    image = rows(4, 0).bfloat16()
    assert scaled_cosines(image, image, torch.tensor(25.0)).dtype == torch.float32
