import hashlib
import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from medxpert.errors import DataError
from medxpert.models.architecture import Architecture, Transformer
from medxpert.models.clip import CLIP
from medxpert.models.encoders.mapped import map_weights
from medxpert.models.inference import open_encoder
from medxpert.models.tiny import clip_tiny

SMALL = Architecture(
    "small", 32, 8, 24, Transformer(64, 3, 2), Transformer(32, 3, 2), vocab_size=600, context_length=16
)
QUICK = Architecture(**{**SMALL.__dict__, "activation": "quick_gelu"})
TEXTS = ["a heart", "", "clear lungs and no effusion at all in this long text", "œdème & 5 °C"]


def small_tiny():
    return clip_tiny(image_side=64, image_widths=(24, 40), text_width=64, vocab_size=600)


@pytest.fixture
def folder(tmp_path):
    torch.manual_seed(0)
    CLIP(SMALL).export(tmp_path)
    return tmp_path


@pytest.mark.parametrize("make", [lambda: CLIP(SMALL), lambda: CLIP(QUICK), small_tiny])
def test_equals_the_torch_model(make, tmp_path):
    torch.manual_seed(0)
    model = make()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
        for name, buffer in model.named_buffers():
            if name.endswith(("mean", "variance")) and "pixels" not in name and "embedding" not in name:
                buffer.add_(torch.rand_like(buffer))
    model.eval()
    fingerprint = model.export(tmp_path)
    encoder = open_encoder(tmp_path)
    pixels = np.random.default_rng(0).integers(0, 256, (19, model.image_side, model.image_side), dtype=np.uint8)
    with torch.no_grad():
        image = model.encode_image(torch.from_numpy(pixels)).numpy()
        text = model.encode_text(torch.from_numpy(model.tokenizer(TEXTS))).numpy()
    np.testing.assert_allclose(encoder.encode_images(pixels), image, atol=1e-5, rtol=0)
    np.testing.assert_allclose(encoder.encode_texts(TEXTS), text, atol=1e-5, rtol=0)
    assert encoder.encode_images(pixels).dtype == np.float32
    assert (encoder.fingerprint, encoder.image_side) == (fingerprint, model.image_side)


def test_empty_batches(folder):
    encoder = open_encoder(folder)
    assert encoder.encode_images(np.empty((0, 32, 32), np.uint8)).shape == (0, 24)
    assert encoder.encode_texts([]).shape == (0, 24)


@pytest.mark.parametrize("shape", [(1, 24, 24), (32, 32), (1, 32, 32, 3)])
def test_wrong_images(folder, shape):
    with pytest.raises(DataError, match=r"expected grey images \[B, 32, 32\], found"):
        open_encoder(folder).encode_images(np.zeros(shape, np.uint8))


def replace_weights(folder, change):
    """Write changed weights with a card that vouches for them."""
    path = folder / "model.safetensors"
    weights = load_file(path)
    change(weights)
    save_file(weights, path)
    card = json.loads((folder / "model.json").read_text())
    card["fingerprint"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / "model.json").write_text(json.dumps(card))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda weights: weights.pop("logit_scale"), "logit_scale is missing"),
        (lambda weights: weights.update(extra=np.zeros(1, np.float32)), "extra is not part of the model"),
        (lambda weights: weights.update({"text.norm.bias": np.zeros(3, np.float32)}), r"has shape \[3\], expected"),
        (lambda weights: weights.update(extra=np.zeros(1, np.float16)), "not a float32 safetensors file"),
    ],
)
def test_other_weights(folder, change, message):
    replace_weights(folder, change)
    with pytest.raises(DataError, match=message):
        open_encoder(folder)


def test_changed_weights(folder):
    path = folder / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"model\.safetensors is not the file .* rebuild: python train\.py"):
        open_encoder(folder)


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 64, (8).to_bytes(8, "little") + b"nonsense"])
def test_broken_files(tmp_path, content):
    (tmp_path / "w.safetensors").write_bytes(content)
    with pytest.raises(DataError, match="not a float32 safetensors file"):
        map_weights(tmp_path / "w.safetensors")


def test_needs_neither_torch_nor_open_clip(folder):
    code = (
        "import sys, numpy; from pathlib import Path; from medxpert.models.inference import open_encoder;"
        "encoder = open_encoder(Path(sys.argv[1])); encoder.encode_texts(['a heart']);"
        "encoder.encode_images(numpy.zeros((1, 32, 32), numpy.uint8));"
        "print(sorted({'torch', 'open_clip', 'transformers', 'safetensors.torch'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
