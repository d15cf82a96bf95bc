"""Weights that are pretrained once, kept, and started from."""

import json
import shutil
from functools import partial

import numpy as np
import pytest
import torch
import yaml

from medxpert import pretraining
from medxpert.data.readers.shapes import read
from medxpert.data.store import open_store
from medxpert.data.stored import Representation
from medxpert.errors import ConfigError, DataError
from medxpert.folders import MANIFEST, sha256, verified
from medxpert.models.clip import Freeze, open_model
from medxpert.models.tiny import clip_tiny
from medxpert.pretraining import Pretraining
from medxpert.run import open_run

TINY = {"image_side": 32, "image_widths": (8, 16), "text_width": 32, "text_blocks": 1, "vocab_size": 600}
READER = partial(read, num_studies=40, side=32)
make_model = partial(clip_tiny, **TINY)


@pytest.fixture
def settings(tmp_path):
    return partial(Pretraining, READER, max_epochs=1, batch_size=16, cache=str(tmp_path))


@pytest.fixture
def fits(monkeypatch):
    """Count the trainings."""
    count, fit = [], Pretraining._fit
    monkeypatch.setattr(Pretraining, "_fit", lambda self, *rest: count.append(1) or fit(self, *rest))
    return count


def weights(folder):
    return {name: tensor.clone() for name, tensor in open_model(folder).state_dict().items()}


def test_model_is_pretrained_open_and_sealed_with_its_making(settings):
    made = settings()(make_model)
    model = open_model(made.folder)
    assert (model.stage, model.policy) == ("pretrained", "open")
    assert verified(made.folder)["weights"] == sha256(made.folder / "model.safetensors")
    known = made.known
    assert (known["sources"], known["max_epochs"], known["seed"]) == ("shapes", 1, 0)
    assert 0 <= known["val/recall@10"] <= 1


def test_second_time_finds_it_and_trains_nothing(settings, fits):
    first, second = settings()(make_model), settings()(make_model)
    assert first == second
    assert len(fits) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"max_epochs": 2},
        {"batch_size": 8},
        {"lr": 1e-2},
        {"seed": 1},
        {"precision": "bf16-mixed"},
        {"data": partial(READER, seed=1)},
    ],
    ids=str,
)
def test_what_the_weights_depend_on_names_them(settings, other, monkeypatch):
    monkeypatch.setattr(Pretraining, "_make", lambda self, folder, *rest: None)
    monkeypatch.setattr(pretraining, "verified", lambda folder, cure: {})
    changed = Pretraining(**{"data": READER, "max_epochs": 1, "batch_size": 16, "cache": settings().cache} | other)
    assert changed(make_model).folder != settings()(make_model).folder
    assert settings()(partial(make_model, embed_dim=64)).folder != settings()(make_model).folder


def test_weights_follow_from_the_seed_and_leave_other_draws_alone(settings, tmp_path):
    torch.manual_seed(5)
    before = torch.rand(3)
    torch.manual_seed(5)
    one = settings()(make_model).folder
    assert torch.equal(torch.rand(3), before)
    first = weights(one)
    shutil.rmtree(one)
    again = weights(settings()(make_model).folder)
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_half_written_folder_is_made_again(settings, fits):
    folder = settings()(make_model).folder
    (folder / MANIFEST).unlink()
    (folder / "model.safetensors").write_bytes(b"half")
    settings()(make_model)
    assert len(fits) == 2
    assert open_model(folder).stage == "pretrained"


def test_failure_leaves_no_folder(settings, monkeypatch, tmp_path):
    def fail(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(pretraining, "seal", fail)
    with pytest.raises(KeyboardInterrupt):
        settings()(make_model)
    assert not list(tmp_path.glob("*pretrained-*"))


def test_damage_is_told_with_its_cure(settings):
    folder = settings()(make_model).folder
    (folder / "model.safetensors").write_bytes(b"other")
    with pytest.raises(DataError, match=rf"rm -r {folder}"):
        settings()(make_model)


def test_other_processes_wait_for_the_first(settings, monkeypatch, fits):
    monkeypatch.setattr(pretraining.rank_zero_only, "rank", 1)
    monkeypatch.setattr(pretraining, "_PATIENCE_SECONDS", 0)
    with pytest.raises(ConfigError, match=r"did not appear within 0 s; .* MEDXPERT_CACHE"):
        settings()(make_model)
    monkeypatch.setattr(pretraining, "_PATIENCE_SECONDS", 60)
    waited = []

    def first_process_finishes(_):
        waited.append(1)
        monkeypatch.setattr(pretraining.rank_zero_only, "rank", 0)
        made = settings()(make_model)
        assert (made.folder / MANIFEST).is_file()

    monkeypatch.setattr(pretraining, "sleep", first_process_finishes)
    settings()(make_model)
    assert (len(waited), len(fits)) == (1, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_epochs": 0}, "pretrain.max_epochs=0"),
        ({"batch_size": 1}, "pretrain.batch_size=1"),
        ({"lr": -1.0}, "pretrain.lr=-1.0"),
    ],
)
def test_numbers_out_of_range_are_refused(arguments, message):
    with pytest.raises(ConfigError, match=message):
        Pretraining(READER, **arguments)


def test_frozen_blocks_keep_their_weights_and_statistics_while_the_rest_trains(settings, tmp_path):
    folder = settings()(make_model).folder
    model = clip_tiny(**TINY, weights=str(folder), freeze=Freeze(image_blocks=1))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    store = open_store(list(READER("train")), [], "train", Representation(32), tmp_path)
    pixels = torch.from_numpy(np.array(store.pixels[:16]))
    model.train()
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], 0.1)
    loss = -(model.encode_image(pixels) * model.encode_text(torch.arange(32).reshape(16, 2))).sum()
    loss.backward()
    optimizer.step()
    changed = {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}
    assert not any(name.startswith("image.blocks.0.") for name in changed)
    assert {"image.blocks.1.conv1.weight", "image.blocks.1.norm1.mean", "image.projection"} <= changed


SHAPES = ("pretrain=shapes", "pretrain.data.num_studies=40", "pretrain.max_epochs=1", "pretrain.batch_size=16")


def test_training_starts_from_them_and_its_run_says_so(train_small, tmp_path, cache):
    outcome = train_small(tmp_path, *SHAPES, "model.freeze.image_blocks=1")
    assert outcome.status == 0, outcome.err[-4000:]
    run = open_run("latest", tmp_path / "outputs")
    known = run.provenance["pretrained"]
    (folder,) = (folder for folder in cache.glob("pretrained-*") if verified(folder)["weights"] == known["weights"])
    assert (run.provenance["starting_stage"], run.policy) == ("pretrained", "open")
    config = yaml.safe_load((run.path / "config.yaml").read_text())
    assert (config["pretrain"]["data"]["num_studies"], config["model"].get("weights")) == (40, None)
    assert "pretrained" in json.loads((run.path / "metrics.json").read_text())
    start, adapted = weights(folder), weights(run.model)
    frozen = [name for name in start if name.startswith("image.blocks.0.")]
    assert frozen
    assert all(torch.equal(start[name], adapted[name]) for name in frozen)
    assert not torch.equal(start["image.projection"], adapted["image.projection"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("pretrain=shapes", "model.weights=x"), "drop pretrain= or give model.weights=null"),
        (("pretrain=shapes", "model=clip_b32"), "model.weights=openai both say what training starts from"),
        (("pretrain=shape",), "did you mean 'shapes'"),
        (("pretrain.max_epochs=3",), "give a choice of pretrain= that has it"),
        (("pretrain=shapes", "pretrain.max_epoch=3"), "did you mean 'max_epochs'"),
        ((*SHAPES, "model.freeze.image_blocks=9"), "image_blocks=9"),
        (("pretrain=shapes", "pretrain.data.side=7"), "side=7"),
    ],
)
def test_settings_that_contradict_themselves_end_before_any_training(command, tmp_path, fits, arguments, message):
    outcome = command("train.py", *arguments)
    assert outcome.status == 2
    (line,) = [line for line in outcome.err.splitlines() if line.startswith("error: ")]
    assert message in line
    assert not fits
    assert not list((tmp_path / "outputs").glob("*/*"))
