import json

import numpy as np
import open_clip
import pytest
from PIL import Image

from medxpert.images.files import ImageFile, load
from medxpert.models.checkpoint import read_checkpoint
from medxpert.models.exchange import open_clip_folder
from medxpert.models.exchange.formats import export
from medxpert.models.exchange.sample import compared, draw_sample, our_rows

GREY_LEVELS = {"pad": 2, "crop": 8}
"""Largest difference; they crop whole pixels of the resized picture, we fractions of the original's."""


@pytest.mark.parametrize("activation", ["gelu", "quick_gelu"])
def test_equal_embeddings(vit, tmp_path, activation):
    model = vit(activation=activation)
    open_clip_folder.write(model, tmp_path, "pad")
    sample = draw_sample(model, seed=3)
    compared(our_rows(model, sample), open_clip_folder.read(tmp_path, sample), 2e-6, "open_clip")
    config = json.loads((tmp_path / "open_clip_config.json").read_text())
    assert config["model_cfg"]["quick_gelu"] is (activation == "quick_gelu")


def test_the_published_tokenizer_is_open_clips_own(vit, tmp_path):
    model = vit(vocab_size=49_408)
    open_clip_folder.write(model, tmp_path, "pad")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["open_clip_config.json", "open_clip_model.safetensors"]
    theirs = open_clip.get_tokenizer(f"local-dir:{tmp_path}")
    texts = ["Heart &amp; lungs", "the " * 40]
    np.testing.assert_array_equal(theirs(texts).numpy(), model.tokenizer(texts))


@pytest.mark.parametrize("fit", ["pad", "crop"])
def test_pictures_come_out_as_ours(vit, films, tmp_path, fit):
    model = vit()
    open_clip_folder.write(model, tmp_path, fit)
    _, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{tmp_path}")
    size = model.architecture
    mean, std = (np.array(values)[:, None, None] for values in (size.mean, size.std))
    for film in films:
        ours = load(ImageFile(film), size.image_side, fit).astype(float)
        theirs = preprocess(Image.open(film)).numpy() * std + mean
        assert np.abs(theirs * 255 - ours).max() <= GREY_LEVELS[fit]


def test_the_cards_example_runs(story, films, run_example, tmp_path):
    export(story(), "open_clip", tmp_path / "out")
    scores = run_example(tmp_path / "out", films[0])
    assert scores.shape == (1, 2)
    assert scores.sum() == pytest.approx(1, abs=1e-5)


def test_we_start_from_what_we_wrote(vit, tmp_path):
    model = vit(activation="quick_gelu")
    open_clip_folder.write(model, tmp_path, "pad")
    back = read_checkpoint(str(tmp_path), model.architecture)
    state = model.merged_state()
    assert all(np.array_equal(back.weights[name], state[name]) for name in state)
