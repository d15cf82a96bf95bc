"""Which parameters share a group, and which rate each of them gets."""

from functools import partial

import pytest
import pytorch_lightning as pl
import torch
from torch import nn
from torch.utils.data import DataLoader

from medxpert.errors import ConfigError
from medxpert.models.architecture import Architecture, Transformer
from medxpert.models.clip import CLIP, Freeze
from medxpert.models.lora import LoRA
from medxpert.models.tiny import clip_tiny
from medxpert.rates import allow_clipping, check_layer_decay, parameter_groups, scale_rates
from medxpert.schedule import cosine

SMALL = Architecture(
    "small", 32, 8, 24, Transformer(64, 4, 2), Transformer(32, 2, 2), vocab_size=600, context_length=16
)
TINY = {"image_side": 32, "image_widths": (8, 8), "text_width": 32, "text_blocks": 1, "vocab_size": 600}
DECAY = 0.5


class Module(nn.Module):
    """Has the parts of the Lightning module, and a loss that learns."""

    def __init__(self, model, loss=None):
        super().__init__()
        self.model = model
        self.loss = loss or nn.Module()


def learning_loss():
    loss = nn.Module()
    loss.matrix, loss.bias = nn.Parameter(torch.zeros(2, 2)), nn.Parameter(torch.zeros(()))
    return loss


def by_name(module, groups, key):
    names = {id(parameter): name for name, parameter in module.named_parameters()}
    return {names[id(parameter)]: group.get(key) for group in groups for parameter in group["params"]}


def expected_rate(name):
    """Spell the towers of SMALL out: 4 blocks for images, 2 for texts."""
    table = {"model.image.embedding": 5, "model.text.embedding": 3}
    table |= {f"model.image.blocks.{k}": 4 - k for k in range(4)} | {f"model.text.blocks.{k}": 2 - k for k in range(2)}
    return DECAY ** next((depth for prefix, depth in table.items() if name.startswith(f"{prefix}.")), 0)


def test_without_decay_matrices_and_others():
    module = Module(CLIP(SMALL))
    matrices, vectors = parameter_groups(module)
    parameters = list(module.parameters())
    assert [id(one) for one in matrices.pop("params")] == [id(one) for one in parameters if one.ndim >= 2]
    assert [id(one) for one in vectors.pop("params")] == [id(one) for one in parameters if one.ndim < 2]
    assert (matrices, vectors) == ({}, {"weight_decay": 0.0})


@pytest.mark.parametrize("layer_decay", [1.0, DECAY])
def test_the_losses_own_are_not_decayed_and_get_the_full_rate(layer_decay):
    module = Module(CLIP(SMALL), learning_loss())
    groups = parameter_groups(module, layer_decay)
    for name in ("loss.matrix", "loss.bias"):
        assert by_name(module, groups, "weight_decay")[name] == 0
        assert by_name(module, groups, "rate_factor")[name] is None
    assert len(parameter_groups(module)) == 2


@pytest.mark.parametrize("optimizer", [torch.optim.AdamW, torch.optim.SGD, torch.optim.Adafactor])
def test_rates_fall_from_the_top_of_each_tower(optimizer):
    module = Module(CLIP(SMALL), learning_loss())
    made = optimizer(parameter_groups(module, DECAY), lr=0.1)
    scale_rates(made)
    rates = by_name(module, made.param_groups, "lr")
    assert rates == pytest.approx({name: 0.1 * expected_rate(name) for name, _ in module.named_parameters()})
    decay = by_name(module, made.param_groups, "weight_decay")
    undecayed = {name for name, one in module.named_parameters() if one.ndim < 2 or name.startswith("loss.")}
    assert {name for name, value in decay.items() if value == 0} >= undecayed
    if optimizer is torch.optim.AdamW:
        assert {name for name, value in decay.items() if value == 0} == undecayed
    assert made.param_groups[0]["lr"] == 0.1  # what is logged as the rate
    assert sum(len(group["params"]) for group in made.param_groups) == len(list(module.parameters()))


def test_a_second_call_changes_nothing():
    made = torch.optim.SGD(parameter_groups(Module(CLIP(SMALL)), DECAY), lr=0.1)
    scale_rates(made)
    before = [group["lr"] for group in made.param_groups]
    scale_rates(made)
    assert [group["lr"] for group in made.param_groups] == before
    assert len(set(before)) == 6


def test_the_schedule_keeps_the_ratios():
    module = Module(CLIP(SMALL))
    optimizer = torch.optim.AdamW(parameter_groups(module, DECAY), lr=0.1)
    scale_rates(optimizer)
    schedule = cosine(optimizer, 10)
    for _ in range(6):
        optimizer.step()
        schedule.step()
    rates = by_name(module, optimizer.param_groups, "lr")
    full = rates["model.logit_scale"]
    assert 0 < full < 0.1
    assert rates == pytest.approx({name: full * expected_rate(name) for name in rates})


def test_what_is_frozen_is_in_no_group():
    model = CLIP(SMALL)
    model.freeze(Freeze(3, 2))
    module = Module(model)
    rates = by_name(module, parameter_groups(module, DECAY), "rate_factor")
    assert {name for name, one in module.named_parameters() if one.requires_grad} == set(rates)
    assert rates["model.image.blocks.3.qkv.weight"] == DECAY  # counted from the top, frozen or not


def test_adapters_get_the_rate_of_their_block():
    module = Module(clip_tiny(**TINY, lora=LoRA(2)))
    optimizer = torch.optim.AdamW(parameter_groups(module, DECAY), lr=1.0)
    scale_rates(optimizer)
    rates = by_name(module, optimizer.param_groups, "lr")
    assert rates["model.logit_scale"] == optimizer.param_groups[0]["lr"] == 1
    assert rates["model.image.blocks.0.conv1.lora_A.default.weight"] == DECAY**2
    assert rates["model.image.blocks.1.conv1.lora_B.default.weight"] == DECAY


@pytest.mark.parametrize("layer_decay", [0, -0.5, 1.01, float("nan")])
@pytest.mark.parametrize("refuse", [check_layer_decay, partial(parameter_groups, Module(nn.Linear(2, 2)))])
def test_decays_out_of_range(refuse, layer_decay):
    with pytest.raises(ConfigError, match=r"module.layer_decay=.* must lie in \(0, 1\]"):
        refuse(layer_decay)


def test_an_optimizer_without_a_rate():
    optimizer = torch.optim.SGD(parameter_groups(Module(CLIP(SMALL)), DECAY), lr=0.1)
    for group in optimizer.param_groups:
        group["lr"] = None
    with pytest.raises(ConfigError, match=r"module.layer_decay needs an optimizer with a learning rate"):
        scale_rates(optimizer)


def test_gradients_are_clipped_before_a_fused_optimizer_in_mixed_precision():
    class Net(pl.LightningModule):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(2, 1)

        def training_step(self, batch, _):
            return self.layer(batch).sum()

        def configure_optimizers(self):
            optimizer = torch.optim.AdamW(self.parameters(), lr=0.1, fused=True)
            allow_clipping(optimizer)
            return optimizer

    trainer = pl.Trainer(
        accelerator="cpu",
        max_steps=1,
        precision="bf16-mixed",
        gradient_clip_val=0.1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(Net(), DataLoader(torch.ones(4, 2), batch_size=4))
    assert trainer.global_step == 1
