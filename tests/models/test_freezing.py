"""What is frozen is computed apart, and training sees no difference but the time."""

from copy import deepcopy

import pytest
import torch

from medxpert.losses.info_nce import info_nce
from medxpert.models.architecture import Architecture, Convolutional, Transformer
from medxpert.models.clip import CLIP, Freeze
from medxpert.models.lora import LoRA

TEXT = Transformer(32, 3, 2)
SIZES = {"transformer": Transformer(64, 3, 2), "convolutional": Convolutional((8, 8, 8), 4)}


def made(image="transformer"):
    torch.manual_seed(0)
    patch = 16 if image == "convolutional" else 8
    size = Architecture("small", 32, patch, 24, SIZES[image], TEXT, vocab_size=600, context_length=16)
    return CLIP(size).train()


def inputs(model):
    generator = torch.Generator().manual_seed(1)
    pixels = torch.randint(0, 256, (4, 32, 32), dtype=torch.uint8, generator=generator)
    texts = ["a heart", "", "clear lungs and no effusion at all in this long text", "left effusion"]
    return pixels, torch.from_numpy(model.tokenizer(texts))


def loss(model):
    pixels, tokens = inputs(model)
    return info_nce(model.encode_image(pixels), model.encode_text(tokens), model.logit_scale.exp())


def gradients(model):
    loss(model).backward()
    return {name: one.grad for name, one in model.named_parameters() if one.grad is not None}


def plain(model, num_frozen):
    """Forbid the same weights a gradient, and tell the towers nothing about it."""
    for tower in (model.image, model.text):
        for part in [tower.embedding, *tower.blocks[:num_frozen]]:
            part.requires_grad_(False)
            part.eval()
    return model


@pytest.mark.parametrize("num_frozen", range(4))
@pytest.mark.parametrize("image", SIZES)
def test_above_and_below_make_the_whole(image, num_frozen):
    model = made(image)
    model.freeze(Freeze(num_frozen, num_frozen))
    pixels, tokens = inputs(model)
    places = tokens.argmax(dim=-1)
    for tower, given, ends, whole in (
        (model.image, pixels, None, model.encode_image(pixels)),
        (model.text, tokens, places, model.encode_text(tokens)),
    ):
        below = tower.below(given)
        assert not below.requires_grad
        assert (below is given) == (num_frozen == 0)
        torch.testing.assert_close(tower.above(below, ends), whole, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(tower.above(tower.below(given, ends), ends), whole, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("num_frozen", [1, 2, 3])
@pytest.mark.parametrize("image", SIZES)
def test_gradients_are_those_of_the_plain_way(image, num_frozen):
    model = made(image)
    expected = gradients(plain(deepcopy(model), num_frozen))
    model.freeze(Freeze(num_frozen, num_frozen))
    found = gradients(model)
    assert set(found) == set(expected)
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, expected[name], atol=1e-6, rtol=1e-4)


def test_what_was_kept_in_bfloat16_goes_on_in_the_precision_of_the_weights():
    model = made()
    model.freeze(Freeze(2, 2))
    pixels, _ = inputs(model)
    found = model.image.above(model.image.below(pixels).bfloat16())
    assert found.dtype == torch.float32
    assert torch.cosine_similarity(found, model.encode_image(pixels)).min() > 0.999


@pytest.mark.parametrize("lora", [False, True])
def test_copies_under_autocast_change_nothing_and_belong_to_nothing(lora):
    model = made()
    model.freeze(Freeze(2, 2))
    if lora:
        model.adapt(LoRA(rank=2))
    names, weights = list(model.state_dict()), {name: one.clone() for name, one in model.merged_state().items()}
    with torch.autocast("cpu", torch.bfloat16):
        found = loss(model)
        copies = [module for tower in (model.image, model.text) for module in tower._lowered._made.copies]
        for tower in (model.image, model.text):
            tower._lowered.of = lambda modules, _: modules
        assert torch.equal(loss(model), found)
    assert copies[0].fc1.weight.dtype == copies[-1].qkv.bias.dtype == torch.bfloat16
    assert copies[0].norm1.weight is model.image.blocks[0].norm1.weight
    assert list(model.state_dict()) == names
    state = model.merged_state()
    assert all(one.dtype == torch.float32 and torch.equal(one, weights[name]) for name, one in state.items())
    assert all(one.dtype == torch.float32 for one in model.parameters())


def test_copies_are_made_once_and_anew_for_other_weights():
    model = made()
    model.freeze(Freeze(2, 2))
    pixels, _ = inputs(model)

    def copies(tower):
        with torch.autocast("cpu", torch.bfloat16):
            tower(pixels)
        return tower._lowered._made.copies

    first = copies(model.image)
    assert copies(model.image) is first
    model.image.load_state_dict({name: one + 1 for name, one in model.image.state_dict().items()})
    second = copies(model.image)
    assert torch.equal(second[1].fc2.weight, model.image.blocks[1].fc2.weight.bfloat16())
    assert deepcopy(model.image)._lowered._made is None


def test_float32_makes_no_copies():
    model = made()
    model.freeze(Freeze(2, 2))
    loss(model)
    assert model.image._lowered._made is model.text._lowered._made is None
