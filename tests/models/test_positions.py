"""Longer and shorter texts than the weights were trained with."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from medxpert.embedding import truncated
from medxpert.errors import ConfigError
from medxpert.models.architecture import Architecture, Transformer
from medxpert.models.clip import NOTHING_FROZEN, build, open_model, vit_clip
from medxpert.models.inference import open_encoder
from medxpert.models.positions import fit_positions
from medxpert.models.tiny import clip_tiny

PLAIN = Architecture(
    "ViT-B-32", 32, 8, 24, Transformer(64, 2, 1), Transformer(64, 2, 2), vocab_size=600, context_length=77
)
TINY = {"image_side": 32, "image_widths": (8,), "text_width": 32, "text_blocks": 1, "embed_dim": 16, "vocab_size": 600}
SHORT, LONG = "clear lungs", "no pleural effusion and no pneumothorax " * 5


def positions(length=77, width=3):
    return torch.randn(length, width, generator=torch.Generator().manual_seed(0))


def long_clip(old, times=4):
    """Stretch as the authors' code does, position by position."""
    new = list(old[:20])
    for place in range(20, len(old)):
        start = min(place, len(old) - 2)
        step = old[start + 1] - old[start]
        new += [old[place] + part / times * step for part in range(times)]
    return torch.stack(new)


@pytest.mark.parametrize("times", [1, 2, 4])
def test_stretches_as_long_clip(times):
    old = positions()
    expected = long_clip(old, times)
    assert len(expected) == 20 + 57 * times
    torch.testing.assert_close(fit_positions(old, len(expected)), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("length", [78, 100, 154, 300])
def test_keeps_the_first_and_the_order_of_the_rest(length):
    line = torch.arange(77.0)[:, None]
    found = fit_positions(line, length)[:, 0]
    expected = [float(p) if p < 20 else 20 + (p - 20) * 57 / (length - 20) for p in range(length)]
    torch.testing.assert_close(found, torch.tensor(expected), atol=1e-4, rtol=0)


@pytest.mark.parametrize("length", [2, 20, 40, 77])
def test_cuts_the_last(length):
    old = positions()
    assert torch.equal(fit_positions(old, length), old[:length])


def test_too_few_to_stretch():
    with pytest.raises(ConfigError, match=r"model.context_length=30: the weights have 21 positions, too few"):
        fit_positions(positions(21), 30)
    assert fit_positions(positions(22), 30).shape == (30, 3)


def open_clip_folder(folder):
    module = pytest.importorskip("open_clip.model")
    torch.manual_seed(0)
    text = {"context_length": 77, "vocab_size": 600, "width": 64, "heads": 2, "layers": 2}
    image = {"image_size": 32, "layers": 2, "width": 64, "patch_size": 8}
    save_file(module.CLIP(24, image, text).state_dict(), folder / "open_clip_model.safetensors")
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": {}}))
    return folder


def hugging_face_folder(folder):
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    shared = {"hidden_size": 64, "intermediate_size": 256, "num_hidden_layers": 2, "hidden_act": "gelu"}
    text = {**shared, "num_attention_heads": 2, "vocab_size": 600, "eos_token_id": 599, "bos_token_id": 598}
    image = {**shared, "num_attention_heads": 1, "image_size": 32, "patch_size": 8}
    config = transformers.CLIPConfig(text_config=text, vision_config=image, projection_dim=24)
    transformers.CLIPModel(config).save_pretrained(folder)
    return folder


def encode(model, *texts):
    with torch.no_grad():
        return model.eval().encode_text(torch.from_numpy(model.tokenizer(texts)))


@pytest.mark.parametrize(
    "write",
    [open_clip_folder, hugging_face_folder, lambda folder: open_clip_folder(folder) / "open_clip_model.safetensors"],
)
def test_published_weights_read_more(write, tmp_path):
    weights = str(write(tmp_path))
    own, longer, cut = (build(PLAIN, weights, NOTHING_FROZEN, context_length=size) for size in (None, 154, 30))
    assert [model.architecture.context_length for model in (own, longer, cut)] == [77, 154, 30]
    assert [model.tokenizer.context_length for model in (own, longer, cut)] == [77, 154, 30]
    old = own.text.embedding.positions.detach()
    torch.testing.assert_close(longer.text.embedding.positions.detach(), fit_positions(old, 154))
    for model in (longer, cut):
        torch.testing.assert_close(encode(model, SHORT), encode(own, SHORT), atol=1e-6, rtol=0)
    assert (longer.tokenizer([LONG]).shape[1], own.tokenizer([LONG]).shape[1]) == (longer.tokenizer.count(LONG), 77)
    assert truncated(own, [SHORT, LONG]).tolist() == [False, True]
    assert truncated(longer, [SHORT, LONG]).tolist() == [False, False]


@pytest.mark.parametrize("wanted", [None, 154])
def test_a_run_with_longer_texts_goes_on(tmp_path, wanted):
    first = clip_tiny(**TINY, context_length=154)
    first.eval().export(tmp_path / "model")
    again = open_model(tmp_path / "model")
    second = clip_tiny(**TINY, weights=str(tmp_path), context_length=wanted)
    assert (again.tokenizer.context_length, second.tokenizer.context_length) == (154, 154)
    expected = encode(first, LONG)
    found = torch.from_numpy(open_encoder(tmp_path / "model").encode_texts([LONG]))
    for rows in (encode(again, LONG), encode(second, LONG), found):
        torch.testing.assert_close(rows, expected, atol=1e-5, rtol=0)


def test_a_run_is_stretched_and_cut(tmp_path):
    first = clip_tiny(**TINY)
    first.export(tmp_path / "first" / "model")
    longer = clip_tiny(**TINY, weights=str(tmp_path / "first"), context_length=154)
    longer.export(tmp_path / "longer" / "model")
    assert open_model(tmp_path / "longer" / "model").text.embedding.positions.shape == (154, 32)
    assert not torch.equal(encode(longer, LONG), encode(first, LONG))
    shorter = clip_tiny(**TINY, weights=str(tmp_path / "longer"), context_length=15)
    torch.testing.assert_close(encode(shorter, SHORT), encode(first, SHORT), atol=1e-6, rtol=0)
    assert shorter.tokenizer([LONG]).shape == (1, 15)


def test_random_weights_read_77_unless_told():
    assert clip_tiny(**TINY).text.embedding.positions.shape == (77, 32)
    assert clip_tiny(**TINY, context_length=154).text.embedding.positions.shape == (154, 32)


@pytest.mark.parametrize("length", [1, 0, -5])
def test_no_text_is_that_short(tmp_path, length):
    message = f"model.context_length={length} must be at least 2"
    clip_tiny(**TINY).export(tmp_path)
    for weights in (None, str(tmp_path)):
        with pytest.raises(ConfigError, match=message):
            clip_tiny(**TINY, weights=weights, context_length=length)
    with pytest.raises(ConfigError, match=message):
        vit_clip("ViT-B-32-quickgelu", context_length=length)
    with pytest.raises(ConfigError, match=message):
        replace(PLAIN, context_length=length)
