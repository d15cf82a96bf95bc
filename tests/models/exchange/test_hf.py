import json

import numpy as np
import pytest
from PIL import Image
from transformers import AutoModel, CLIPProcessor

from medxpert.images.files import ImageFile, load
from medxpert.models.checkpoint import read_checkpoint
from medxpert.models.exchange import hf
from medxpert.models.exchange.formats import export
from medxpert.models.exchange.sample import compared, draw_sample, our_rows

GREY_LEVELS = {"pad": 2, "crop": 8}
"""Largest difference; they crop whole pixels of the resized picture, we fractions of the original's."""


@pytest.mark.parametrize("activation", ["gelu", "quick_gelu"])
def test_equal_embeddings(vit, tmp_path, activation):
    model = vit(activation=activation)
    hf.write(model, tmp_path, "pad")
    sample = draw_sample(model, seed=3)
    compared(our_rows(model, sample), hf.read(tmp_path, sample), 2e-6, "transformers")
    assert json.loads((tmp_path / "config.json").read_text())["text_config"]["hidden_act"] == activation


def test_scale_and_logits(vit, tmp_path):
    model = vit()
    model.logit_scale.data.fill_(3.25)
    hf.write(model, tmp_path, "pad")
    assert AutoModel.from_pretrained(tmp_path).logit_scale.item() == 3.25


@pytest.mark.parametrize("fit", ["pad", "crop"])
def test_pictures_come_out_as_ours(vit, films, tmp_path, fit):
    model = vit()
    hf.write(model, tmp_path, fit)
    processor = CLIPProcessor.from_pretrained(tmp_path)
    size = model.architecture
    mean, std = (np.array(values)[:, None, None] for values in (size.mean, size.std))
    for film in films:
        ours = load(ImageFile(film), size.image_side, fit).astype(float)
        theirs = processor(images=Image.open(film), return_tensors="np")["pixel_values"][0] * std + mean
        assert np.abs(theirs * 255 - ours).max() <= GREY_LEVELS[fit]


def test_the_cards_example_runs_and_agrees(story, films, run_example, tmp_path):
    told = story()
    export(told, "hf", tmp_path / "out")
    pixels = load(ImageFile(films[0]), 32)[None]
    texts = ["There is a left pleural effusion.", "The lungs are clear."]
    rows = our_rows(told.model, draw_sample(told.model)._replace(pixels=pixels, texts=texts))
    logits = told.model.logit_scale.exp().item() * rows.image @ rows.text.T
    expected = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    np.testing.assert_allclose(run_example(tmp_path / "out", films[0]), expected, atol=0.02)


def test_we_start_from_what_we_wrote(vit, tmp_path):
    model = vit()
    hf.write(model, tmp_path, "pad")
    back = read_checkpoint(str(tmp_path), model.architecture)
    state = model.merged_state()
    assert all(np.array_equal(back.weights[name], state[name]) for name in state)
