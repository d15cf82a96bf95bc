"""The average of the weights: what it is, who sees it, and that an interruption changes nothing."""

import copy
from types import SimpleNamespace

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.strategies import ModelParallelStrategy
from torch import nn

from medxpert.callbacks.averaging import MovingAverage, decay_after
from medxpert.callbacks.saving import LastCheckpoint
from medxpert.datamodule import DataModule
from medxpert.errors import ConfigError
from medxpert.models.normalisation import BatchNorm
from medxpert.words import SPLITS, Study

EPOCHS, STEPS, DECAY = 3, 12, 0.3
pytestmark = pytest.mark.filterwarnings("ignore")


class Interrupted(Exception):
    pass


class Learner(pl.LightningModule):
    """Notes its weights after every step and at every validation; epoch 1 validates best."""

    def __init__(self, stop_before=None):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(2, 1))
        self.frozen = nn.Parameter(torch.ones(3), requires_grad=False)
        self.norm = BatchNorm(1)
        self.stop_before, self.trained, self.validated, self.shared = stop_before, [], [], None

    def state(self):
        return copy.deepcopy(self.state_dict())

    def training_step(self, batch, batch_index):
        if self.global_step == self.stop_before:
            raise Interrupted
        rows = self.norm(batch.rows.float()[:, None] + self.frozen.sum())
        return (self.weight.sum() - batch.rows.float().mean() + rows.mean()).square()

    def on_train_batch_end(self, outputs, batch, batch_index):
        self.trained.append(self.state())
        for callback in self.trainer.callbacks:
            if isinstance(callback, MovingAverage):
                average = callback._average_model.module
                self.shared = [average.frozen.data_ptr() == self.frozen.data_ptr()]
                self.shared += [average.weight.data_ptr() == self.weight.data_ptr()]

    def on_validation_epoch_end(self):
        self.log("val/epoch", -abs(self.current_epoch - 1.0))

    def validation_step(self, batch, batch_index):
        if not batch_index:
            self.validated.append(self.state())

    def configure_optimizers(self):
        return torch.optim.Adam([self.weight, *self.norm.parameters()], lr=0.1)


@pytest.fixture
def fit(tmp_path, flat):
    def read(split):
        for number in range(10):
            yield Study(f"{split}{number}", "", (flat(80 * SPLITS.index(split) + number),), f"Text {number}.")

    def tokens(texts):
        return torch.zeros(len(texts), 2, dtype=torch.int64).numpy()

    def run(learner, name, average=True, checkpoint=None):
        trainer = pl.Trainer(
            accelerator="cpu",
            max_epochs=EPOCHS,
            callbacks=[
                ModelCheckpoint(str(tmp_path / name), filename="best", monitor="val/epoch", mode="max"),
                LastCheckpoint(str(tmp_path / name), minutes=0),
                *([MovingAverage(DECAY)] if average else []),
            ],
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
        )
        data = DataModule(read, tokens, 8, batch_size=3, cache=str(tmp_path / "cache"))
        trainer.validate(learner, datamodule=data, verbose=False)
        trainer.fit(learner, datamodule=data, ckpt_path=checkpoint, weights_only=True)
        return trainer

    return run


def averages(states):
    """Average states step by step, plainly."""
    average = states[0]
    for number, state in enumerate(states):
        keep = 0 if number == 0 else min(DECAY, (1 + number) / (10 + number))
        average = {name: keep * average[name] + (1 - keep) * value for name, value in state.items()}
        yield average


def equal(one, other):
    torch.testing.assert_close(one, other, atol=0, rtol=0)


def test_validation_checkpoints_and_the_end_see_the_average(fit, tmp_path):
    learner = Learner()
    fit(learner, "run")
    assert len(learner.trained) == STEPS
    expected = list(averages(learner.trained))
    validated = learner.validated[1:]  # the first was before training
    for found, step in zip(validated, (3, 7, 11), strict=True):
        torch.testing.assert_close(found, expected[step])
    equal(learner.state(), validated[-1])
    best = torch.load(tmp_path / "run" / "best.ckpt", weights_only=True)
    equal(dict(best["state_dict"]), dict(validated[1]))
    equal(dict(best["current_model_state"]), dict(learner.trained[7]))
    assert not torch.equal(best["state_dict"]["weight"], learner.trained[7]["weight"])
    assert not torch.equal(best["state_dict"]["norm.mean"], learner.trained[7]["norm.mean"])


def test_training_itself_does_not_see_it(fit):
    with_average, without = Learner(), Learner()
    fit(with_average, "with")
    fit(without, "without", average=False)
    equal(with_average.trained, without.trained)


def test_a_later_validation_measures_the_module_as_it_is(fit):
    learner = Learner()
    trainer = fit(learner, "run")
    nn.init.constant_(learner.weight, 5.0)
    trainer.validate(learner, datamodule=trainer.datamodule, verbose=False)
    assert learner.validated[-1]["weight"].tolist() == [[5.0], [5.0]]


def test_only_what_is_frozen_shares_its_memory(fit):
    learner = Learner()
    fit(learner, "run")
    assert learner.shared == [True, False]
    assert learner.frozen.tolist() == [1, 1, 1]


@pytest.mark.parametrize("stop_before", [1, 2, 4, 6, 9])
def test_a_resumed_training_has_the_same_average(fit, tmp_path, stop_before):
    whole, first, second = Learner(), Learner(stop_before), Learner()
    fit(whole, "whole")
    with pytest.raises(Interrupted):
        fit(first, "broken")
    fit(second, "broken", checkpoint=str(tmp_path / "broken" / "last.ckpt"))
    equal(second.trained[-1], whole.trained[-1])
    equal(second.state(), whole.state())
    equal(second.validated[-1], whole.validated[-1])


@pytest.mark.parametrize(("num_updates", "expected"), [(1, 2 / 11), (8, 0.5), (8990, 8991 / 9000), (9000, 0.999)])
def test_the_decay_grows(num_updates, expected):
    assert decay_after(num_updates, 0.999) == pytest.approx(expected)


@pytest.mark.parametrize("decay", [-0.1, 1, 1.5, float("nan")])
def test_decays_out_of_range(decay):
    with pytest.raises(ConfigError, match=r"callbacks.ema.decay=.* must lie in \[0, 1\)"):
        MovingAverage(decay)


def test_divided_weights_have_no_average():
    trainer = SimpleNamespace(strategy=ModelParallelStrategy())
    with pytest.raises(ConfigError, match=r"callbacks=ema needs all weights in every process; choose another trainer="):
        MovingAverage().setup(trainer, Learner(), "validate")


def test_the_average_lies_where_training_will_be():
    trainer = SimpleNamespace(strategy=SimpleNamespace(root_device=torch.device("meta")))
    callback = MovingAverage()
    callback.setup(trainer, Learner(), "fit")
    assert callback._average_model.module.weight.device.type == "meta"
