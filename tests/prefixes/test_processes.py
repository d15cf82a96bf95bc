"""Processes that are killed, that meet, and that go on with what others began."""

import os
import signal
import subprocess
import sys
import time
from functools import partial

import numpy as np
import pytest
import pytorch_lightning as pl
import torch

from medxpert.datamodule import DataModule
from medxpert.folders import MANIFEST
from medxpert.losses.info_nce import InfoNCE
from medxpert.models.clip import Freeze
from medxpert.models.tiny import clip_tiny
from medxpert.module import ContrastiveModule
from medxpert.parts import prefix_cache
from medxpert.prefixes.cache import FOLDER
from medxpert.prefixes.files import CHUNKS, STATES
from medxpert.words import Study

BUILDER = """
import sys, time
from pathlib import Path
import numpy as np
from medxpert.prefixes.files import build
from medxpert.prefixes.recipe import Recipe

def compute(chunk):
    time.sleep(0.15)
    print(chunk, flush=True)
    return np.full((4, 3), chunk + 1, np.uint16)

recipe = Recipe("text", {}, (80, 3), np.arange(0, 81, 4), compute)
build(recipe, Path(sys.argv[1]) / recipe.name, "open")
"""


def builder(folder):
    return subprocess.Popen([sys.executable, "-c", BUILDER, str(folder)], stdout=subprocess.PIPE, text=True)


def lines(folder):
    paths = list(folder.glob(f"*/{CHUNKS}"))
    return paths[0].read_text().splitlines() if paths else []


@pytest.mark.slow
def test_kill_9_in_a_build_loses_no_chunk_and_two_that_go_on_share_the_rest(tmp_path):
    first = builder(tmp_path)
    while len(lines(tmp_path)) < 5 and first.poll() is None:
        time.sleep(0.01)
    os.kill(first.pid, signal.SIGKILL)
    computed = [int(line) for line in first.communicate()[0].split()]
    noted = len(lines(tmp_path))
    assert 5 <= noted <= len(computed) < 20
    assert not list(tmp_path.glob(f"*/{MANIFEST}"))
    others = [builder(tmp_path) for _ in range(2)]
    rest = [int(line) for other in others for line in other.communicate()[0].split()]
    assert rest == list(range(noted, 20))
    (path,) = tmp_path.glob(f"*/{STATES}")
    assert np.load(path)[:, 0].tolist() == np.repeat(np.arange(1, 21), 4).tolist()


class Rows(pl.Callback):
    """Notes what was learnt from, and saves the third step."""

    def __init__(self, path):
        self.path, self.seen = path, []

    def on_train_batch_end(self, trainer, module, outputs, batch, index):
        self.seen.append(batch.rows.tolist())
        if trainer.global_step == 3:
            trainer.save_checkpoint(self.path)


@pytest.fixture
def fit(tmp_path, flat):
    def read(split):
        for number in range(40 if split == "train" else 4):
            yield Study(
                f"{split}{number}",
                f"{split}{number}",
                (flat(number * 5 + ("train", "val", "test").index(split)),),
                f"Effusion {number}.",
                "",
            )

    def call(steps, cached, checkpoint=None):
        torch.manual_seed(0)
        sizes = {"image_side": 32, "image_widths": [8, 8], "text_width": 32, "text_blocks": 2, "vocab_size": 600}
        model = clip_tiny(**sizes, freeze=Freeze(1, 1), cache_prefix=cached)
        module = ContrastiveModule(model, InfoNCE(), partial(torch.optim.AdamW, lr=1e-3))
        data = DataModule(partial(read), model.tokenizer, 32, 8, cache=str(tmp_path))
        rows = Rows(tmp_path / "made.ckpt")
        trainer = pl.Trainer(
            accelerator="cpu", devices=1, max_steps=steps, max_epochs=9, limit_val_batches=0, callbacks=[rows],
            logger=False, enable_progress_bar=False, enable_model_summary=False, enable_checkpointing=False,
            num_sanity_val_steps=0,
        )  # fmt: skip
        if cached:
            data.prefixes = prefix_cache(module, data, trainer)
        trainer.fit(module, datamodule=data, ckpt_path=checkpoint)
        return rows.seen, module.model.state_dict()

    return call


@pytest.mark.slow
@pytest.mark.parametrize("first", [True, False])
def test_a_checkpoint_goes_on_with_the_cache_and_without(fit, tmp_path, first):
    expected, weights = fit(8, cached=False)
    begun, _ = fit(3, cached=first)  # in the middle of an epoch of five
    going_on, found = fit(8, cached=not first, checkpoint=str(tmp_path / "made.ckpt"))
    assert begun + going_on == expected
    for name, tensor in weights.items():
        if name.startswith(("image.blocks.0", "text.blocks.0", "text.embedding")):
            assert found[name].equal(tensor), name
        elif tensor.is_floating_point():
            assert torch.allclose(found[name], tensor, atol=0.02), name


@pytest.mark.slow
def test_two_processes_train_on_one_cache(tmp_path, train_small, monkeypatch):
    monkeypatch.setenv("MEDXPERT_CACHE", str(tmp_path / "cache"))
    settings = ("model.freeze.image_blocks=1", "model.freeze.text_blocks=1", "trainer.max_epochs=1")
    processes = ("trainer.devices=2", "trainer.accelerator=cpu")
    outcome = train_small(tmp_path, *settings, *processes, "model.cache_prefix=true")
    assert outcome.status == 0, outcome.err[-4000:]
    assert len(list((tmp_path / "cache" / FOLDER).glob(f"*/{MANIFEST}"))) == 2
    assert outcome.err.count("caching it takes") == 1
    refused = train_small(tmp_path, *settings, "trainer=fsdp", "trainer.devices=2", "model.cache_prefix=true")
    assert refused.status == 2
    assert "trainer=fsdp gathers weights only for whole towers" in refused.err.strip().splitlines()[-1]


@pytest.mark.slow
def test_prepared_data_are_cached_too(tmp_path, script, monkeypatch):
    monkeypatch.setenv("MEDXPERT_CACHE", str(tmp_path / "cache"))
    shards = tmp_path / "shards"
    done = subprocess.run(
        [sys.executable, "-m", "medxpert.prepare", "data.num_studies=150", "data.side=64", f"output={shards}"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    small = ("model.image_side=64", "model.image_widths=[8,16]", "model.text_width=32", "model.vocab_size=1024")
    frozen = ("model.freeze.image_blocks=1", "model.freeze.text_blocks=1", "model.cache_prefix=true")
    data = ("data=shards", f"data.root={shards}", "trainer.max_epochs=1")
    outcome = script(tmp_path, "train.py", *data, *small, *frozen)
    assert outcome.status == 0, outcome.err[-4000:]
    assert len(list((tmp_path / "cache" / FOLDER).glob(f"*/{MANIFEST}"))) == 2
