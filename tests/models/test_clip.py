import json

import pytest
import torch

from medxpert.errors import ConfigError, DataError
from medxpert.models import architecture as architectures
from medxpert.models.architecture import Architecture, Transformer
from medxpert.models.clip import CLIP, Freeze, open_model, vit_clip
from medxpert.models.tiny import clip_tiny

TINY = {
    "image_side": 32,
    "image_widths": (16, 24),
    "text_width": 32,
    "text_blocks": 2,
    "embed_dim": 16,
    "vocab_size": 600,
}
SMALL = Architecture(
    "small", 32, 8, 24, Transformer(64, 3, 2), Transformer(32, 3, 2), vocab_size=600, context_length=16
)
TEXTS = ["a heart", "", "clear lungs and no effusion at all in this long text"]


@pytest.fixture
def model():
    torch.manual_seed(0)
    return CLIP(SMALL)


def pixels(side=32, count=3):
    return torch.randint(0, 256, (count, side, side), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


def tokens(model):
    return torch.from_numpy(model.tokenizer(TEXTS))


def trainable(model):
    return {name for name, parameter in model.named_parameters() if parameter.requires_grad}


def step(model):
    """Take one optimizer step and return the names of the parameters that got a gradient and that moved."""
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    scores = model.encode_image(pixels()) @ model.encode_text(tokens(model)).T * model.logit_scale.exp()
    torch.nn.functional.cross_entropy(scores, torch.arange(3)).backward()
    with_gradient = {name for name, parameter in model.named_parameters() if parameter.grad is not None}
    optimizer.step()
    moved = {name for name, parameter in model.named_parameters() if not torch.equal(parameter, before[name])}
    return with_gradient, moved


@pytest.mark.parametrize("make", [lambda: CLIP(SMALL), lambda: clip_tiny(**TINY)])
def test_encodes_to_unit_rows(make):
    model = make()
    for rows in (model.encode_image(pixels()), model.encode_text(tokens(model))):
        assert rows.dtype == torch.float32
        assert rows.shape == (3, model.embed_dim)
        torch.testing.assert_close(rows.norm(dim=1), torch.ones(3))
    assert model.stage == "untrained"
    assert model.logit_scale.exp().item() == pytest.approx(1 / 0.07)


def test_float_pixels_equal_integer_pixels(model):
    torch.testing.assert_close(model.encode_image(pixels().float()), model.encode_image(pixels()))


def test_padding_changes_nothing(model):
    short = tokens(model)
    padded = torch.nn.functional.pad(short, (0, 16 - short.shape[1]))
    torch.testing.assert_close(model.encode_text(padded), model.encode_text(short), atol=1e-6, rtol=0)
    alone = torch.from_numpy(model.tokenizer(TEXTS[:1]))
    torch.testing.assert_close(model.encode_text(alone)[0], model.encode_text(padded)[0], atol=1e-6, rtol=0)


def test_text_depends_on_order(model):
    first, second = torch.from_numpy(model.tokenizer(["left lung", "lung left"]))
    assert not torch.allclose(*model.encode_text(torch.stack([first, second])), atol=1e-3)


def test_image_depends_on_side():
    model = clip_tiny(**TINY)
    assert not torch.allclose(model.encode_image(pixels()), model.encode_image(pixels().flip(2)), atol=1e-4)


@pytest.mark.parametrize("seed", [0, 1])
def test_everything_moves_when_nothing_is_frozen(seed):
    torch.manual_seed(seed)
    model = CLIP(SMALL)
    model.freeze(Freeze())
    everything = set(dict(model.named_parameters()))
    assert step(model) == (everything, everything)


@pytest.mark.parametrize(("image_blocks", "text_blocks"), [(1, 0), (0, 2), (2, 1), (3, 3)])
def test_exactly_the_frozen_stay(model, image_blocks, text_blocks):
    model.freeze(Freeze(image_blocks, text_blocks))
    model.train()
    frozen = tuple(
        f"{tower}.{name}."
        for tower, count in (("image", image_blocks), ("text", text_blocks))
        for name in (["embedding", *(f"blocks.{number}" for number in range(count))] if count else [])
    )
    expected = {name for name, _ in model.named_parameters() if not name.startswith(frozen or "-")}
    assert trainable(model) == expected
    assert step(model) == (expected, expected)


def test_frozen_parts_stay_in_evaluation_mode_and_store_nothing(model):
    model.freeze(Freeze(image_blocks=2))
    model.train()
    assert [block.training for block in model.image.blocks] == [False, False, True]
    assert not model.image.embedding.training
    assert model.image.training
    assert model.text.embedding.training
    graphs = []
    for block in model.image.blocks[:2]:
        block.register_forward_hook(lambda *call: graphs.append(call[-1].requires_grad))
    model.encode_image(pixels())
    assert graphs == [False, False]
    model.eval()
    assert not any(module.training for module in model.modules())


@pytest.mark.parametrize(
    ("freeze", "message"),
    [
        (Freeze(image_blocks=4), "model.freeze.image_blocks=4: the image tower has 3 blocks; choose 0 to 3"),
        (Freeze(text_blocks=-1), "model.freeze.text_blocks=-1: the text tower has 3 blocks"),
    ],
)
def test_freezing_too_much(model, freeze, message):
    with pytest.raises(ConfigError, match=message):
        model.freeze(freeze)


def test_exported_model_opens_the_same(model, tmp_path):
    model.stage, model.policy = "adapted", "credentialed"
    fingerprint = model.export(tmp_path)
    copy = open_model(tmp_path)
    assert json.loads((tmp_path / "model.json").read_text())["fingerprint"] == fingerprint
    assert (copy.stage, copy.policy, copy.architecture) == ("adapted", "credentialed", SMALL)
    assert copy.export(tmp_path / "again") == fingerprint
    assert torch.equal(copy.encode_image(pixels()), model.encode_image(pixels()))
    assert torch.equal(copy.encode_text(tokens(copy)), model.encode_text(tokens(model)))
    assert trainable(copy) == trainable(model)


def test_export_that_cannot_be_written(model, tmp_path):
    (tmp_path / "model.safetensors").mkdir()
    with pytest.raises(ConfigError, match=r"cannot write .*model.safetensors \("):
        model.export(tmp_path)


@pytest.mark.parametrize("weights", [".", "model", "model/model.safetensors"])
def test_a_run_can_be_trained_further(tmp_path, weights):
    first = clip_tiny(**TINY)
    first.stage, first.policy = "adapted", "credentialed"
    first.export(tmp_path / "run" / "model")
    second = clip_tiny(**TINY, weights=str(tmp_path / "run" / weights), freeze=Freeze(image_blocks=1))
    first.eval(), second.eval()
    assert (second.stage, second.policy) == ("pretrained", "credentialed")
    assert torch.equal(second.encode_image(pixels()), first.encode_image(pixels()))
    with pytest.raises(ConfigError, match="was built with embed_dim 16, this model has 32"):
        clip_tiny(**{**TINY, "embed_dim": 32}, weights=str(tmp_path / "run"))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "model.safetensors").write_bytes(b"nothing"), "sha256 differs"),
        (lambda folder: (folder / "model.safetensors").unlink(), "model.safetensors is missing"),
        (lambda folder: (folder / "model.json").write_text("{}"), "does not describe a model"),
        (lambda folder: (folder / "model.json").write_text('{"architecture": "x"}'), "does not describe a model"),
        (lambda folder: (folder / "model.json").write_text("x"), "cannot be read as JSON"),
        (lambda folder: (folder / "merges.txt").unlink(), r"merges.txt is missing"),
        (lambda folder: (folder / "merges.txt").write_text("a b"), r"merges.txt is not the file"),
    ],
)
def test_damaged_folders(model, tmp_path, damage, message):
    model.export(tmp_path)
    damage(tmp_path)
    with pytest.raises(DataError, match=message) as caught:
        open_model(tmp_path)
    assert "train.py" in str(caught.value)


def test_random_published_architecture(monkeypatch):
    sizes = {"image_side": 32, "patch": 8, "embed_dim": 24}
    sizes |= {"image": {"width": 64, "blocks": 1, "heads": 1}, "text": {"width": 64, "blocks": 1, "heads": 1}}
    monkeypatch.setattr(architectures, "_published", lambda: {"ViT-S": sizes})
    model = vit_clip("ViT-S-quickgelu")
    assert (model.stage, model.architecture.activation) == ("untrained", "quick_gelu")


def test_images_of_another_side(model):
    with pytest.raises(ConfigError, match=r"this model reads \[32, 32\] pixels, found \[24, 24\]"):
        model.encode_image(pixels(side=24))
