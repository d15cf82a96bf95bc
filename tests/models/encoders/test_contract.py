"""What every encoder of an exported model promises, whatever computes."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from medxpert.config.build import build
from medxpert.errors import DataError, MissingExtraError
from medxpert.models.architecture import Architecture, Transformer
from medxpert.models.clip import CLIP
from medxpert.models.encoders import exported
from medxpert.models.encoders.exported import ExportedEncoder
from medxpert.models.encoders.onnx import OnnxEncoder
from medxpert.models.encoders.openvino import OpenvinoEncoder
from medxpert.models.tiny import clip_tiny

CONF = Path(__file__).parents[3] / "conf" / "encoder"
NAMES = sorted(path.stem for path in CONF.glob("*.yaml"))
SMALL = Architecture(
    "small", 32, 8, 24, Transformer(64, 3, 2), Transformer(32, 3, 2), vocab_size=600, context_length=16
)
QUICK = Architecture(**{**SMALL.__dict__, "activation": "quick_gelu"})
MAKERS = {
    "gelu": lambda: CLIP(SMALL),
    "quick_gelu": lambda: CLIP(QUICK),
    "convolutional": lambda: clip_tiny(image_side=64, image_widths=(24, 40), text_width=64, vocab_size=600),
}
TEXTS = [
    "a heart of normal size",
    "",
    "a heart",
    "clear lungs and no effusion at all in this text, which is far longer than the model's context of tokens",
    "œdème & 5 °C",
    "a heart of normal size and clear lungs",
    "a heart",
]


@pytest.fixture(scope="module", params=MAKERS)
def model(request, tmp_path_factory):
    """A model with weights unlike those it starts with, and the folder it was exported to."""
    torch.manual_seed(0)
    made = MAKERS[request.param]().eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
        for name, buffer in made.named_buffers():
            if name.endswith(("mean", "variance")) and "pixels" not in name and "embedding" not in name:
                buffer.add_(torch.rand_like(buffer))
    folder = tmp_path_factory.mktemp("model")
    made.export(folder)
    return made, folder


@pytest.fixture(scope="module", params=NAMES)
def encoder(request, model) -> ExportedEncoder:
    return build(yaml.safe_load((CONF / f"{request.param}.yaml").read_text()))(model[1])


def pixels_of(count, side):
    return np.random.default_rng(count).integers(0, 256, (count, side, side), dtype=np.uint8)


def test_equals_the_trained_model(model, encoder, monkeypatch):
    made = model[0]
    monkeypatch.setattr(type(encoder), "batch", 4)
    pixels = pixels_of(6, made.image_side)
    with torch.no_grad():
        image = made.encode_image(torch.from_numpy(pixels)).numpy()
        text = made.encode_text(torch.from_numpy(made.tokenizer(TEXTS))).numpy()
    found = encoder.encode_images(pixels), encoder.encode_texts(TEXTS)
    np.testing.assert_allclose(found[0], image, atol=1e-5, rtol=0)
    np.testing.assert_allclose(found[1], text, atol=1e-5, rtol=0)
    assert {one.dtype for one in found} == {np.dtype(np.float32)}
    assert encoder.weights["logit_scale"].shape == ()


def test_one_and_none(model, encoder):
    side, width = encoder.image_side, encoder.embed_dim
    pixels = pixels_of(3, side)
    np.testing.assert_allclose(encoder.encode_images(pixels[:1])[0], encoder.encode_images(pixels)[0], atol=1e-5)
    np.testing.assert_allclose(encoder.encode_texts(TEXTS[:1])[0], encoder.encode_texts(TEXTS)[0], atol=1e-5)
    assert encoder.encode_images(np.empty((0, side, side), np.uint8)).shape == (0, width)
    assert encoder.encode_texts([]).shape == (0, width)


def test_wrong_images(encoder):
    side = encoder.image_side
    for shape in ((1, side - 8, side), (side, side), (1, side, side, 3)):
        with pytest.raises(DataError, match=rf"expected grey images \[B, {side}, {side}\], found"):
            encoder.encode_images(np.zeros(shape, np.uint8))


@pytest.mark.parametrize(("kind", "extra"), [(OpenvinoEncoder, "openvino"), (OnnxEncoder, "onnx")])
def test_names_the_command_that_installs_it(kind, extra, monkeypatch):
    monkeypatch.setattr(exported, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=rf"pip install 'medxpert\[{extra}\]'"):
        kind.open(Path(os.devnull))
