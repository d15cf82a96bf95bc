import pytest
import torch

from medxpert.errors import ConfigError
from medxpert.models.architecture import Architecture, Transformer
from medxpert.models.embeddings import ImageEmbedding

SIZE = Transformer(32, 2, 2)
SMALL = Architecture("small", 16, 8, 24, SIZE, SIZE, mean=(0.5, 0.4, 0.3), std=(0.3, 0.25, 0.2))


def test_one_grey_channel_stands_for_all():
    torch.manual_seed(0)
    embedding = ImageEmbedding(SMALL, 32)
    pixels = torch.randint(0, 256, (3, 16, 16), dtype=torch.uint8)
    patches = embedding.patches(embedding.pixels(pixels)).flatten(2).transpose(1, 2)
    first = embedding.class_token.expand(3, 1, -1)
    expected = embedding.norm(torch.cat([first, patches], dim=1) + embedding.positions)
    torch.testing.assert_close(embedding(pixels), expected, atol=1e-5, rtol=1e-5)
    goal = torch.randn_like(expected)
    found, wanted = (
        torch.autograd.grad((one * goal).sum(), embedding.patches.weight)[0] for one in (embedding(pixels), expected)
    )
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-4)


def test_another_side_is_refused():
    with pytest.raises(ConfigError, match=r"reads \[16, 16\] pixels, found \[8, 8\]; give model.image_side"):
        ImageEmbedding(SMALL, 32)(torch.zeros(1, 8, 8, dtype=torch.uint8))
