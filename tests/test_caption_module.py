from functools import partial
from types import SimpleNamespace

import pytest
import torch
from captioners.blips import TEXTS, small

from medxpert.caption_module import CaptionModule
from medxpert.captioners.model import Freeze
from medxpert.data.batch import Batch
from medxpert.errors import ConfigError, DataError
from medxpert.schedule import cosine


def batch_of(model, text_of=(0, 1, 0)):
    torch.manual_seed(1)
    pixels = torch.randint(0, 255, (len(text_of), 32, 32), dtype=torch.uint8)
    count = len(text_of)
    tokens = torch.from_numpy(model.tokenizer(TEXTS[:2]))
    labels = torch.zeros(count, 14, dtype=torch.int8)
    return Batch(pixels, tokens, torch.tensor(text_of), torch.arange(count), torch.arange(2), labels)


@pytest.fixture
def module():
    found = CaptionModule(small().eval(), partial(torch.optim.SGD, lr=0.1))
    found.log = found.log_dict = lambda *arguments, **settings: None
    rates = SimpleNamespace(optimizers=[SimpleNamespace(param_groups=[{"lr": 0.1}])], global_step=7)
    rates.datamodule = SimpleNamespace(study_ids=lambda split, rows: [f"study {row}" for row in rows])
    rates.estimated_stepping_batches = 10
    found._trainer = rates
    return found


def test_loss_is_that_of_the_model_on_each_studys_own_text(module):
    batch = batch_of(module.model)
    expected = module.model(batch.pixels, torch.from_numpy(module.model.tokenizer([TEXTS[0], TEXTS[1], TEXTS[0]]))).loss
    assert torch.equal(module.training_step(batch, 0), expected)
    assert torch.equal(module.validation_step(batch, 0), expected)


def test_other_text_gives_another_loss(module):
    first, second = (module.training_step(batch_of(module.model, of), 0) for of in ((0, 0), (1, 1)))
    assert not torch.isclose(first, second)


def test_loss_that_is_not_finite_names_the_studies(module):
    module.model.network.vision_model.post_layernorm.weight.data.fill_(float("nan"))
    with pytest.raises(DataError, match=r"the loss is nan at step .*lower optimizer.lr.*study 0, study 1"):
        module.training_step(batch_of(module.model), 0)


def test_optimizer_has_only_what_is_trainable(module):
    module.model.freeze(Freeze(image_blocks=1))
    optimizer = module.configure_optimizers()
    held = {id(weight) for group in optimizer.param_groups for weight in group["params"]}
    trainable = {id(weight) for weight in module.parameters() if weight.requires_grad}
    assert held == trainable
    assert len(held) < len(list(module.parameters()))
    vectors = [weight for group in optimizer.param_groups for weight in group["params"] if weight.ndim < 2]
    undecayed = [weight for group in optimizer.param_groups if group["weight_decay"] == 0 for weight in group["params"]]
    assert vectors
    assert all(any(weight is other for other in undecayed) for weight in vectors)


def test_schedule_runs_by_step(module):
    module._scheduler = cosine
    made = module.configure_optimizers()
    assert made["lr_scheduler"]["interval"] == "step"


def test_optimizer_that_refuses(module):
    module._optimizer = partial(torch.optim.SGD, lr=-1.0)
    with pytest.raises(ConfigError, match="optimizer: "):
        module.configure_optimizers()


def test_a_few_steps_learn(module):
    batch, optimizer = batch_of(module.model), torch.optim.AdamW(module.parameters(), 3e-3)
    module.train()
    losses = []
    for _ in range(12):
        optimizer.zero_grad()
        loss = module.training_step(batch, 0)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.6 * losses[0]


def test_label_loss_by_hand():
    """Unmentioned ones of a labelled study are 0; uncertain ones and unlabelled studies are left out."""
    module = CaptionModule(small().eval(), partial(torch.optim.SGD, lr=0.1), label_weight=2.0)
    torch.nn.init.zeros_(module.labels.weight)
    bias = torch.linspace(-1, 1, 14)
    module.labels.bias.data = bias
    labels = torch.full((2, 14), -2, dtype=torch.int8)
    labels[0, :3] = torch.tensor([1, 0, -1])
    found = module._label_loss(torch.ones(2, 5, 32), labels)
    expected = torch.stack([torch.nn.functional.softplus(one) for one in bias])
    expected[0] = torch.nn.functional.softplus(-bias[0])
    kept = [place for place in range(14) if place != 2]
    assert found.item() == pytest.approx(expected[kept].mean().item(), rel=1e-5)
    assert module._label_loss(torch.ones(2, 5, 32), torch.full((2, 14), -2, dtype=torch.int8)).item() == 0


def test_weighted_label_loss_is_added(module):
    plain = module.training_step(batch_of(module.model), 0)
    both = CaptionModule(module.model, module._optimizer, label_weight=0.5)
    both.log = both.log_dict = lambda *arguments, **settings: None
    both._trainer = module._trainer
    told = both.model(batch_of(module.model).pixels, batch_of(module.model).tokens[torch.tensor([0, 1, 0])])
    added = both._label_loss(told.image, batch_of(module.model).labels)
    assert torch.isclose(both.training_step(batch_of(module.model), 0), plain + 0.5 * added)
    assert added > 0


@pytest.mark.parametrize("weight", [-1.0, float("nan"), float("inf")])
def test_label_weight_that_cannot_be(weight):
    with pytest.raises(ConfigError, match=r"chain\.label_weight="):
        CaptionModule(small(), partial(torch.optim.SGD, lr=0.1), label_weight=weight)
