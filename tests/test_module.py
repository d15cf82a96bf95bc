"""What one training step learns from."""

from functools import partial
from itertools import product

import pytest
import torch

from medxpert.data.batch import Batch
from medxpert.losses.info_nce import InfoNCE, info_nce
from medxpert.models.clip import NOTHING_FROZEN
from medxpert.models.tiny import clip_tiny
from medxpert.module import ContrastiveModule


@pytest.fixture
def module():
    torch.manual_seed(0)
    model = clip_tiny(
        image_side=32, image_widths=[8], text_width=32, text_blocks=1, vocab_size=600, freeze=NOTHING_FROZEN
    ).eval()  # batch statistics would depend on what is encoded together
    made = ContrastiveModule(model, InfoNCE(), partial(torch.optim.SGD, lr=0.1))
    made.log = made.log_dict = lambda *_, **__: None
    made._trainer = type("Trainer", (), {"optimizers": [type("Optimizer", (), {"param_groups": [{"lr": 0.1}]})]})()
    return made


def batch(module, second_image=False, second_text=False):
    pixels = torch.randint(0, 255, (2, 3, 32, 32), dtype=torch.uint8)
    tokens = torch.from_numpy(module.model.tokenizer(["Clear lungs.", "Left effusion.", "Normal heart."]))
    return Batch(
        pixels[0],
        tokens,
        torch.tensor([0, 1, 1]),
        torch.arange(3),
        pixels[1] if second_image else None,
        torch.tensor([2, 2, 0]) if second_text else None,
    )


@pytest.mark.parametrize(("second_image", "second_text"), list(product([False, True], repeat=2)))
def test_the_loss_is_the_mean_over_pairs_of_an_image_and_a_text_of_each_study(module, second_image, second_text):
    given = batch(module, second_image, second_text)
    model = module.model
    images = [model.encode_image(one) for one in (given.pixels, given.second_pixels) if one is not None]
    unique = model.encode_text(given.tokens)
    texts = [unique[of] for of in (given.text_of, given.second_text_of) if of is not None]
    expected = [info_nce(image, text, model.logit_scale.exp()) for image, text in product(images, texts)]
    assert len(expected) == (1 + second_image) * (1 + second_text)
    loss = module.training_step(given, 0)
    torch.testing.assert_close(loss, torch.stack(expected).mean())


def test_evaluation_takes_the_first_image_and_text(module):
    given = batch(module)
    embedded = module.embed(given)
    torch.testing.assert_close(embedded.image, module.model.encode_image(given.pixels))
    assert embedded.text[1].equal(embedded.text[2])
