"""What one training step learns from."""

from functools import partial
from itertools import product
from types import SimpleNamespace

import pytest
import torch

from medxpert.data.batch import Batch
from medxpert.errors import ConfigError
from medxpert.losses.info_nce import InfoNCE, info_nce
from medxpert.losses.multi_positive import Goal, MultiPositive, multi_positive
from medxpert.losses.sigmoid import Sigmoid
from medxpert.models.architecture import Architecture, Transformer
from medxpert.models.clip import CLIP, NOTHING_FROZEN, Freeze
from medxpert.models.tiny import clip_tiny
from medxpert.module import ContrastiveModule

TEXTS = ["Clear lungs.", "Left effusion.", "Normal heart."]


def tiny():
    return clip_tiny(
        image_side=32, image_widths=[8], text_width=32, text_blocks=1, vocab_size=600, freeze=NOTHING_FROZEN
    ).eval()  # batch statistics would depend on what is encoded together


def transformers():
    size = Transformer(16, 2, 2)
    return CLIP(Architecture("small", 32, 8, 12, size, size, vocab_size=600))


def made(model, loss=None, chunk_size=None, **arguments):
    module = ContrastiveModule(model, loss or InfoNCE(), partial(torch.optim.SGD, lr=0.1), **arguments)
    module.log = module.log_dict = lambda *_, **__: None
    module._trainer = SimpleNamespace(
        optimizers=[SimpleNamespace(param_groups=[{"lr": 0.1}])], datamodule=SimpleNamespace(chunk_size=chunk_size)
    )
    return module


@pytest.fixture
def model():
    torch.manual_seed(0)
    return tiny()


def batch(model, second_image=False, second_text=False, count=3):
    pixels = torch.randint(0, 255, (2, count, 32, 32), dtype=torch.uint8)
    of = torch.arange(2 * count).reshape(2, count) % 3
    return Batch(
        pixels[0],
        torch.from_numpy(model.tokenizer(TEXTS)),
        of[0].clamp(max=1),
        torch.arange(count),
        torch.arange(3),
        torch.zeros(count, 14, dtype=torch.int8),
        pixels[1] if second_image else None,
        of[1].flip(0) if second_text else None,
    )


def views(model, given):
    unique = model.encode_text(given.tokens)
    images = [model.encode_image(one) for one in (given.pixels, given.second_pixels) if one is not None]
    return images, [unique[of] for of in (given.text_of, given.second_text_of) if of is not None]


@pytest.mark.parametrize(("second_image", "second_text"), list(product([False, True], repeat=2)))
def test_the_loss_is_the_mean_over_pairs_of_an_image_and_a_text_of_each_study(model, second_image, second_text):
    given = batch(model, second_image, second_text)
    expected = [info_nce(image, text, model.logit_scale.exp()) for image, text in product(*views(model, given))]
    assert len(expected) == (1 + second_image) * (1 + second_text)
    torch.testing.assert_close(made(model).training_step(given, 0), torch.stack(expected).mean())


def test_terms_between_two_images_and_between_two_texts_are_added_by_their_weights(model):
    given = batch(model, second_image=True, second_text=True)
    images, texts = views(model, given)
    between = [info_nce(*pair, model.logit_scale.exp()) for pair in (images, texts)]
    plain = made(model).training_step(given, 0)
    loss = made(model, image_image=0.5, text_text=2.0).training_step(given, 0)
    torch.testing.assert_close(loss, plain + 0.5 * between[0] + 2 * between[1])


@pytest.mark.parametrize("freeze", [Freeze(), Freeze(1, 1)])
@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_gradients_of_chunks_are_those_of_the_whole_batch(freeze, size):
    def gradients(chunk_size):
        torch.manual_seed(0)
        model = transformers()
        model.freeze(freeze)
        module = made(model, Sigmoid(-2.0), chunk_size)
        torch.manual_seed(1)
        module.training_step(batch(model, second_image=True, second_text=True, count=5), 0).backward()
        return {name: one.grad for name, one in module.named_parameters() if one.requires_grad}

    whole = gradients(None)
    assert all(gradient.abs().max() > 0 for gradient in whole.values())
    for name, gradient in gradients(size).items():
        torch.testing.assert_close(gradient, whole[name], atol=1e-6, rtol=1e-4, msg=name)


def test_chunks_keep_fewer_activations():
    def kept(chunk_size):
        torch.manual_seed(0)
        module, sizes = made(transformers(), None, chunk_size), []
        given = batch(module.model, count=64)
        with torch.autograd.graph.saved_tensors_hooks(lambda one: sizes.append(one.nbytes) or one, lambda one: one):
            module.training_step(given, 0)
        return sum(sizes)

    assert kept(8) < kept(None) / 5


@pytest.mark.parametrize(
    ("make", "arguments", "given", "message"),
    [
        (tiny, {}, ("first", "longest", 2, False), "loader.chunk_size=2: clip_tiny has statistics over the whole"),
        (transformers, {}, ("first", "longest", 2, True), "loader.chunk_size=2: each chunk would need all processes"),
        (tiny, {"image_image": 1.0}, ("random", "longest", None, False), "needs two of each study; set loader.im"),
        (tiny, {"text_text": 0.5}, ("two", "both", None, False), "two of each study; set loader.text=two_sections"),
    ],
)
def test_what_does_not_fit_together(make, arguments, given, message):
    with pytest.raises(ConfigError, match=message):
        made(make(), **arguments).check(*given)


def test_what_fits_together():
    made(transformers(), image_image=1.0, text_text=1.0).check("two", "two_sections", 2, False)
    made(tiny()).check("first", "longest", None, True)


def test_texts_that_any_section_shares_are_no_negatives(model):
    given = batch(model, second_text=True, count=2)._replace(
        text_of=torch.tensor([0, 1]), second_text_of=torch.tensor([2, 2])
    )
    module = made(model, MultiPositive(), text_text=1.0)
    terms = module._terms(module._images(given), module._texts(given))
    one, other = views(model, given)[1]
    logits = model.logit_scale.exp() * one @ other.T
    torch.testing.assert_close(terms["text_text"][1], multi_positive(logits, Goal(torch.ones(2, 2))))


def test_evaluation_takes_the_first_image_and_text(model):
    given = batch(model)
    embedded = made(model).embed(given)
    torch.testing.assert_close(embedded.image, model.encode_image(given.pixels))
    assert given.text_of.tolist() == [0, 1, 1]
    assert embedded.text[1].equal(embedded.text[2])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"image_image": -1.0}, r"module.image_image=-1.0 must be at least 0"),
        ({"text_text": float("nan")}, r"module.text_text=nan must be at least 0"),
        ({"layer_decay": 0.0}, r"module.layer_decay=0.0 must lie in \(0, 1\]"),
        ({"wise_ft": 0.0}, r"module.wise_ft=0.0 lies outside \(0, 1\]"),
        ({"wise_ft": 0.5}, r"module.wise_ft=0.5 mixes with the starting weights, which are random"),
    ],
)
def test_refusals(model, arguments, message):
    with pytest.raises(ConfigError, match=message):
        made(model, **arguments)
