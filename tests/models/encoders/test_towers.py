import numpy as np
import pytest
import torch

from medxpert.models.architecture import Architecture, Transformer
from medxpert.models.clip import CLIP
from medxpert.models.encoders import opening, towers
from medxpert.models.encoders.towers import Towers, fast_dtype
from medxpert.models.inference import NumpyEncoder
from medxpert.models.tiny import clip_tiny

SMALL = Architecture(
    "small", 32, 8, 24, Transformer(64, 3, 2), Transformer(32, 3, 2), activation="quick_gelu", vocab_size=600
)


@pytest.mark.parametrize("make", [lambda: CLIP(SMALL), lambda: clip_tiny(image_side=64, vocab_size=600)])
def test_bfloat16_points_the_same_way(make):
    torch.manual_seed(0)
    model = make().eval()
    pixels = np.random.default_rng(0).integers(0, 256, (3, model.image_side, model.image_side), dtype=np.uint8)
    tokens = model.tokenizer(["a heart", "a heart of normal size", "clear lungs"])
    low = Towers(model.merged_state(), model.architecture, torch.bfloat16)
    with torch.no_grad():
        image = model.encode_image(torch.from_numpy(pixels)).numpy()
        text = model.encode_text(torch.from_numpy(tokens)).numpy()
    for found, expected in ((low.images(pixels), image), (low.texts(list(tokens)), text)):
        assert found.dtype == np.float32
        assert (found * expected).sum(axis=1).min() >= 0.9999
        assert not np.array_equal(found, expected)


def test_weights_are_left_alone():
    model = CLIP(SMALL)
    state = model.merged_state()
    before = {name: tensor.clone() for name, tensor in state.items()}
    made = Towers(state, model.architecture, torch.float32)
    made.images(np.full((2, 32, 32), 7, np.uint8))
    made.texts(list(model.tokenizer(["a heart", "a lung"])))
    assert all(torch.equal(state[name], tensor) for name, tensor in before.items())


def test_dtype_follows_the_hardware(monkeypatch):
    monkeypatch.setattr(towers, "fast_precision", lambda: "bf16-mixed")
    assert fast_dtype(torch.device("cpu")) == torch.bfloat16
    monkeypatch.setattr(towers, "fast_precision", lambda: "32-true")
    assert fast_dtype(torch.device("cpu")) == torch.float32
    assert fast_dtype(torch.device("cuda")) == torch.bfloat16


def test_auto_goes_by_the_number_of_images(tmp_path, monkeypatch):
    CLIP(SMALL).export(tmp_path)
    assert isinstance(opening.open_encoder(tmp_path), NumpyEncoder)
    assert type(opening.open_encoder(tmp_path, num_images=10_000)).__name__ == "TorchEncoder"
    monkeypatch.setattr(opening, "find_spec", lambda name: None)
    assert isinstance(opening.open_encoder(tmp_path, num_images=10_000), NumpyEncoder)
