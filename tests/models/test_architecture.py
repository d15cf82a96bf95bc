from dataclasses import replace

import pytest

from medxpert.errors import ConfigError, DataError
from medxpert.models.architecture import Architecture, Transformer, published_architecture
from medxpert.models.clip import CLIP
from medxpert.models.tiny import clip_tiny
from medxpert.models.weights import check_weights, weight_shapes

SMALL = Architecture(
    "small", 32, 8, 24, Transformer(64, 3, 2), Transformer(32, 3, 2), vocab_size=600, context_length=16
)


@pytest.mark.parametrize(
    "make", [lambda: CLIP(SMALL), lambda: clip_tiny(image_side=32, image_widths=(16, 24), vocab_size=600)]
)
def test_named_shapes_are_the_models(make):
    model = make()
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    assert weight_shapes(model.architecture) == shapes


def test_check_weights_names_the_first_few(tmp_path):
    shapes = weight_shapes(SMALL)
    del shapes["logit_scale"]
    shapes["text.norm.bias"] = (7,)
    shapes["extra"] = (1,)
    with pytest.raises(DataError) as caught:
        check_weights(shapes, SMALL, tmp_path)
    message = str(caught.value)
    assert "logit_scale is missing; extra is not part of the model" in message
    assert "text.norm.bias has shape [7], expected [32]" in message


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: published_architecture("ViT-Z-9"), r"ViT-Z-9 is unknown; known are ViT-B-32\[-quickgelu\], "),
        (lambda: clip_tiny(image_side=100), "model.image_side=100: clip_tiny needs a multiple of 16"),
        (lambda: clip_tiny(text_width=0), "model.text_width=0 is not a positive multiple of 32"),
        (lambda: clip_tiny(image_widths=()), "model.image_blocks=0 must be at least 1"),
        (lambda: clip_tiny(embed_dim=0), "model.embed_dim=0 must be at least 1"),
        (lambda: replace(SMALL, text=Transformer(33, 1, 2)), "33 does not divide into 2 heads"),
    ],
)
def test_bad_arguments(build, message):
    with pytest.raises(ConfigError, match=message):
        build()
