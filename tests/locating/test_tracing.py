import numpy as np
import pytest
import torch

from medxpert.locating.convolutions import transposed
from medxpert.locating.patches import brought
from medxpert.locating.tracing import trace
from medxpert.models.architecture import Architecture, Transformer
from medxpert.models.clip import CLIP
from medxpert.models.inference import open_encoder, scale_pixels
from medxpert.models.layers import attend, convolve, layer_norm, linear, part
from medxpert.models.tiny import clip_tiny

VIT = Architecture("small", 32, 8, 24, Transformer(64, 2, 2), Transformer(32, 1, 2), vocab_size=600, context_length=16)
RNG = np.random.default_rng(0)


def films(count, side):
    return RNG.integers(0, 256, (count, side, side), dtype=np.uint8)


def exported(model, folder):
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
        for name, buffer in model.named_buffers():
            if name.endswith("variance"):
                buffer.mul_(2).add_(0.5)
    model.export(folder)
    return open_encoder(folder)


@pytest.fixture
def tiny(tmp_path):
    torch.manual_seed(0)
    return exported(clip_tiny(image_side=64, image_widths=(24, 40), text_width=64, vocab_size=600), tmp_path)


@pytest.fixture
def vit(tmp_path):
    torch.manual_seed(0)
    return exported(CLIP(VIT), tmp_path)


def test_the_last_layer_adds_up_to_the_score(tiny):
    pixels, directions = films(2, 64), RNG.normal(size=(2, tiny.embed_dim)).astype(np.float32)
    directions[1] = directions[0]
    traced = trace(tiny, pixels)
    scores = (tiny.encode_images(pixels) * directions).sum(axis=1) * traced.lengths
    added = (traced.values[-1] * traced.slopes(directions)[-1]).sum(axis=(1, 2, 3))
    # the rest of the score is biases: the same for every picture
    assert added[0] - added[1] == pytest.approx(scores[0] - scores[1], abs=1e-4)
    assert abs(scores[0] - scores[1]) > 0.1


def test_slopes_of_every_layer_are_those_of_torch(tmp_path):
    torch.manual_seed(0)
    model = clip_tiny(image_side=64, image_widths=(24, 40, 48), text_width=64, vocab_size=600)
    encoder = exported(model, tmp_path)
    pixels, direction = films(1, 64), RNG.normal(size=encoder.embed_dim).astype(np.float32)
    traced, tower = trace(encoder, pixels), model.image.eval()
    x, outs = tower.embedding(torch.from_numpy(pixels)), []
    for block in tower.blocks:
        x = block(x)
        outs.append(x)
    rows = tower.standard(tower.cells(x).flatten(1) @ tower.projection)
    slopes = torch.autograd.grad((rows @ torch.from_numpy(direction)).sum(), outs)
    for ours, theirs, value, out in zip(traced.slopes(direction[None]), slopes, traced.values, outs, strict=True):
        np.testing.assert_allclose(ours, theirs.permute(0, 2, 3, 1), atol=1e-4, rtol=1e-3)
        np.testing.assert_allclose(value, out.detach().permute(0, 2, 3, 1), atol=1e-4)
    assert traced.lengths[0] == pytest.approx(float(rows.detach().norm()), rel=1e-4)


@pytest.mark.parametrize("stride", [1, 2, 4])
def test_transposed_is_the_transpose(stride):
    weight = RNG.normal(size=(5, 3, stride + 2, stride + 2)).astype(np.float32)
    x, y = RNG.normal(size=(1, 8, 12, 3)), RNG.normal(size=(1, 8 // stride, 12 // stride, 5))
    forwards = (convolve(x.astype(np.float32), weight, stride, padding=1) * y).sum()
    backwards = (transposed(y.astype(np.float32), weight, stride) * x).sum()
    assert forwards == pytest.approx(backwards, rel=1e-4)


def test_attention_is_the_sum_of_what_tokens_brought():
    block = {
        name: RNG.normal(size=shape).astype(np.float32) * 0.3
        for name, shape in {
            "norm1.weight": (16,), "norm1.bias": (16,), "qkv.weight": (48, 16), "qkv.bias": (48,),
            "out.weight": (16, 16), "out.bias": (16,),
        }.items()
    }  # fmt: skip
    x = RNG.normal(size=(2, 7, 16)).astype(np.float32)
    query, key, value = np.split(
        linear(layer_norm(x, part(block, "norm1")), block["qkv.weight"], block["qkv.bias"]), 3, axis=-1
    )
    attended = linear(attend(query, key, value, 4, None), block["out.weight"], block["out.bias"])[:, 0]
    np.testing.assert_allclose(brought(x, block, 4).sum(axis=1) + block["out.bias"], attended, atol=1e-5)


def test_patches_add_up_with_the_class_token_to_the_score(vit, tmp_path):
    weights = {name: array.copy() for name, array in vit.weights.items()}
    for number in range(2):
        for name in ("fc2.weight", "fc2.bias", "out.bias"):
            weights[f"image.blocks.{number}.{name}"][:] = 0
    weights["image.norm.bias"][:] = 0
    vit.weights = weights
    pixels = films(2, 32)
    traced = trace(vit, pixels)
    values, lengths = traced.values[0], traced.lengths
    # what is left of the row without MLPs and biases: what the class token brought itself, and held at first
    rest = vit.encode_images(pixels) * lengths[:, None] - values.sum(axis=(1, 2))
    assert values.shape == (2, 4, 4, 24)
    own = own_part(vit, pixels)
    np.testing.assert_allclose(rest, own, atol=1e-4)
    assert traced.slopes(np.ones((2, 24), np.float32))[0].shape == values.shape


def own_part(encoder, pixels):
    """Recompute the part of the class token itself by the plain formula."""
    from medxpert.models.inference import embed_patches, run_block

    x = embed_patches(scale_pixels(pixels, encoder.architecture), part(encoder.weights, "image.embedding"))
    own = x[:, 0].copy()
    for number in range(2):
        block = part(encoder.weights, f"image.blocks.{number}")
        own += brought(x, block, 2)[:, 0]
        x = run_block(x, block, 2, "gelu", None, None)
    spread = np.sqrt(x[:, 0].var(axis=-1, keepdims=True) + 1e-5)
    centred = (own - own.mean(axis=-1, keepdims=True)) / spread
    return centred * encoder.weights["image.norm.weight"] @ encoder.weights["image.projection"]
