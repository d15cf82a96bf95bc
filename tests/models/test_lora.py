"""Adapters: what trains, what stays, and that a merged or exported model is the adapted one."""

import sys
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from medxpert.errors import ConfigError, MissingExtraError
from medxpert.models.architecture import Architecture, Transformer
from medxpert.models.clip import CLIP, Freeze, open_model
from medxpert.models.inference import open_encoder
from medxpert.models.interpolation import interpolate
from medxpert.models.lora import LoRA
from medxpert.models.tiny import clip_tiny

SMALL = Architecture(
    "small", 32, 8, 24, Transformer(64, 3, 2), Transformer(32, 3, 2), vocab_size=600, context_length=16
)
TINY = {"image_side": 32, "image_widths": (16, 24, 8), "text_width": 32, "text_blocks": 3, "embed_dim": 16}
TEXTS = ["a heart", "", "clear lungs and no effusion at all in this long text"]
KINDS = pytest.mark.parametrize("kind", ["transformers", "convolutions"])


def make(kind, freeze=None, lora=None):
    torch.manual_seed(0)
    freeze, lora = freeze or Freeze(), lora or LoRA()
    if kind == "convolutions":
        model = clip_tiny(**TINY, vocab_size=600, freeze=freeze, lora=lora)
        for block in model.image.blocks:
            nn.init.ones_(block.norm3.weight)  # as in trained weights: 0 lets nothing through
        return model
    model = CLIP(SMALL)
    model.freeze(freeze)
    model.adapt(lora)
    return model


def shaken(model):
    """Move the adapters away from the start, where they change nothing, and the statistics too."""
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if ".lora_" in name or name.endswith((".mean", ".variance")):
                tensor.add_(0.2 * torch.rand(tensor.shape, generator=generator))
    return model


def rows(model):
    pixels = torch.randint(0, 256, (4, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    tokens = torch.from_numpy(model.tokenizer([*TEXTS, "left lung"]))
    return model.encode_image(pixels), model.encode_text(tokens)


def train(model, steps=2):
    model.train()
    optimizer = torch.optim.AdamW([one for one in model.parameters() if one.requires_grad], lr=1e-2)
    for _ in range(steps):
        optimizer.zero_grad()
        image, text = rows(model)
        nn.functional.cross_entropy(image @ text.T * model.logit_scale.exp(), torch.arange(4)).backward()
        optimizer.step()
    return {name for name, one in model.named_parameters() if one.grad is not None and one.grad.any()}


def copied(state):
    return {name: tensor.detach().clone() for name, tensor in state.items()}


def same(one, other, atol=1e-5):
    torch.testing.assert_close(one, other, atol=atol, rtol=0)


@KINDS
def test_the_start_is_the_model_without_adapters(kind):
    plain, adapted = make(kind).eval(), make(kind, lora=LoRA(rank=2)).eval()
    same(rows(adapted), rows(plain), atol=1e-6)
    state = plain.state_dict()
    same(adapted.merged_state(), dict(state), atol=0)


@KINDS
@pytest.mark.parametrize(
    ("freeze", "lora", "adapted"),
    [
        (Freeze(), LoRA(2), {"image": {0, 1, 2}, "text": {0, 1, 2}}),
        (Freeze(2, 1), LoRA(2, dropout=0.1), {"image": {2}, "text": {1, 2}}),
        (Freeze(3, 0), LoRA(2), {"text": {0, 1, 2}}),
        (Freeze(), LoRA(2, text=False), {"image": {0, 1, 2}}),
    ],
)
def test_only_adapters_and_the_scale_learn(kind, freeze, lora, adapted):
    model = make(kind, freeze, lora)
    before = copied(model.state_dict())
    learnt = train(model)
    trainable = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert learnt == trainable
    assert "logit_scale" in learnt
    found: dict[str, set[int]] = {}
    for name in learnt - {"logit_scale"}:
        assert ".lora_" in name
        tower, _, block = name.split(".")[:3]
        found.setdefault(tower, set()).add(int(block))
    assert found == adapted
    moved = {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}
    follow = {f"{tower}.standard.{name}" for tower in ("image", "text") for name in ("mean", "variance")}
    assert moved - learnt == (follow if kind == "convolutions" else set())


@KINDS
def test_every_layer_of_a_block_is_adapted(kind):
    model = make(kind, lora=LoRA(2))
    layers = {name.split(".")[3] for name, _ in model.named_parameters() if ".lora_" in name and "image" in name}
    assert layers == ({"qkv", "out", "fc1", "fc2"} if kind == "transformers" else {"shrink", "conv1", "conv2"})


def test_blocks_keep_their_statistics_in_training_and_adapters_their_dropout():
    model = make("convolutions", lora=LoRA(2, dropout=0.5))
    model.train()
    dropouts = [module for module in model.modules() if isinstance(module, nn.Dropout)]
    assert dropouts
    assert all(module.training for module in dropouts)
    assert not any(block.norm2.training for block in model.image.blocks)
    assert model.image.standard.training
    shaken(model)
    first, second = (model.encode_text(torch.from_numpy(model.tokenizer(TEXTS))) for _ in range(2))
    assert not torch.equal(first, second)
    model.eval()
    assert not any(module.training for module in model.modules())


@pytest.mark.parametrize("adapted", [False, True])
def test_the_pooled_token_equals_the_row_of_the_whole_block(adapted):
    model = shaken(make("transformers", lora=LoRA(2) if adapted else LoRA())).eval()
    x = torch.randn(3, 7, 64, generator=torch.Generator().manual_seed(3))
    places = torch.tensor([0, 6, 2])
    visible = torch.arange(7) <= places[:, None]
    block = model.image.blocks[-1]
    same(block.pool(x, places, visible), block(x, causal=True)[torch.arange(3), places])
    same(block.pool(x, places, None), block(x, causal=False)[torch.arange(3), places])


@KINDS
@pytest.mark.parametrize("alpha", [None, 6.0])
def test_merging_changes_no_output(kind, alpha):
    model = shaken(make(kind, Freeze(1, 1), LoRA(2, alpha))).eval()
    with torch.no_grad():
        before, start = rows(model), rows(make(kind).eval())
        assert all((one - other).abs().max() > 1e-2 for one, other in zip(before, start, strict=True))
        model.merge()
        same(rows(model), before)
    assert set(model.state_dict()) == set(make(kind).state_dict())
    assert {name for name, parameter in model.named_parameters() if parameter.requires_grad} == {"logit_scale"}


def test_the_merged_weight_is_the_published_formula():
    model = shaken(make("transformers", lora=LoRA(2, alpha=6)))
    state = model.state_dict()
    name = "text.blocks.1.fc1"
    down, up = (state[f"{name}.lora_{one}.default.weight"] for one in "AB")
    same(model.merged_state()[f"{name}.weight"], state[f"{name}.base_layer.weight"] + 6 / 2 * up @ down, atol=1e-6)


@KINDS
def test_a_merged_state_is_a_copy(kind):
    model = make(kind, lora=LoRA(2))
    before = model.merged_state()
    kept = copied(before)
    train(model)
    same(before, kept, atol=0)
    assert any(not torch.equal(tensor, kept[name]) for name, tensor in model.merged_state().items())


@KINDS
def test_an_export_is_an_ordinary_model(kind, tmp_path):
    model = make(kind, lora=LoRA(2))
    train(model)
    shaken(model).eval()
    fingerprint = model.export(tmp_path)
    plain, encoder = open_model(tmp_path).eval(), open_encoder(tmp_path)
    assert plain.export(tmp_path / "again") == fingerprint
    with torch.no_grad():
        image, text = rows(model)
        same(rows(plain), (image, text))
    pixels = torch.randint(0, 256, (4, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    np.testing.assert_allclose(encoder.encode_images(pixels.numpy()), image, atol=1e-5, rtol=0)
    np.testing.assert_allclose(encoder.encode_texts([*TEXTS, "left lung"]), text, atol=1e-5, rtol=0)


def test_an_export_can_be_adapted_again(tmp_path):
    first = make("convolutions", lora=LoRA(2))
    train(first)
    first.eval().export(tmp_path)
    second = clip_tiny(**TINY, vocab_size=600, weights=str(tmp_path), lora=LoRA(4)).eval()
    same(rows(second), rows(first))


@KINDS
def test_a_checkpoint_loads_strictly(kind, tmp_path):
    model = make(kind, lora=LoRA(2))
    train(model)
    torch.save(model.state_dict(), tmp_path / "last.ckpt")
    other = make(kind, lora=LoRA(2))
    other.load_state_dict(torch.load(tmp_path / "last.ckpt", weights_only=True))
    same(rows(other.eval()), rows(model.eval()), atol=0)


def test_halfway_to_the_adapted_weights():
    model = make("convolutions", lora=LoRA(2))
    start = model.merged_state()
    train(model)
    adapted = model.merged_state()
    model.merge()
    model.load_state_dict(interpolate(start, adapted, 0.5))
    name = "image.blocks.1.conv1.weight"
    same(model.state_dict()[name], (start[name] + adapted[name]) / 2, atol=1e-7)
    assert not torch.equal(start[name], adapted[name])


@pytest.mark.parametrize(
    ("make_it", "message"),
    [
        (partial(LoRA, -1), "model.lora.rank=-1 must be at least 0"),
        (partial(LoRA, 2, alpha=0), "model.lora.alpha=0 must be greater than 0"),
        (partial(LoRA, 2, dropout=1), r"model.lora.dropout=1 must lie in \[0, 1\)"),
        (partial(make, "transformers", Freeze(3, 3), LoRA(2)), "model.lora.rank=2: no block is left to adapt"),
        (partial(make, "convolutions", None, LoRA(2, image=False, text=False)), "no block is left to adapt"),
    ],
)
def test_what_cannot_be_adapted(make_it, message):
    with pytest.raises(ConfigError, match=message):
        make_it()


def test_without_peft(monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    assert make("transformers").merged_state()
    with pytest.raises(MissingExtraError, match=r"peft is not installed; run: pip install 'medxpert\[lora\]'"):
        LoRA(rank=2)
