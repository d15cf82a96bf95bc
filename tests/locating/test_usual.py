import io

import numpy as np
import pytest
import torch
from PIL import Image

from medxpert.cases import write_cases
from medxpert.locating.usual import usual_of_run, usual_values
from medxpert.models.inference import open_encoder
from medxpert.models.tiny import clip_tiny
from medxpert.ontology import MISSING
from medxpert.run import Run, write_embeddings

RNG = np.random.default_rng(0)


@pytest.fixture
def encoder(tmp_path):
    torch.manual_seed(0)
    clip_tiny(image_side=64, image_widths=(24, 40), text_width=64, vocab_size=600).export(tmp_path / "model")
    return open_encoder(tmp_path / "model")


def film(grey):
    return np.full((64, 64), grey, np.uint8)


def thumbnail(pixels):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=95)
    return stream.getvalue()


def run_of(folder, split, thumbnails):
    row = dict.fromkeys(("patient_id", "text", "section", "view", "split", "source", "path"), "")
    row |= {"policy": "open", "images": 1, "labels": [MISSING] * 14, "truth": None, "image_hash": None}
    rows = [{**row, "study_id": str(n), "thumbnail": data} for n, data in enumerate(thumbnails)]
    write_cases(folder / "cases.parquet", rows)
    unit = np.eye(2, dtype=np.float16)[np.zeros(len(rows), int)]
    write_embeddings(folder / "embeddings" / split, {"image": unit, "text": unit}, folder / "cases.parquet", {})
    return Run(folder)


def test_rare_films_are_not_usual(encoder):
    usual = usual_values(encoder, np.stack([film(100)] * 20 + [film(250)] * 3))
    alone = usual_values(encoder, film(100)[None])
    assert [layer.shape for layer in usual] == [(16, 16, 24), (8, 8, 40)]
    for ours, expected in zip(usual, alone, strict=True):
        np.testing.assert_allclose(ours, expected, atol=1e-5)


def test_films_of_a_run_are_its_thumbnails(encoder, tmp_path):
    films = [film(grey) for grey in (60, 100, 140, 180, 220)]
    run = run_of(tmp_path, "train", [thumbnail(one) for one in films] + [b"broken"])
    for ours, expected in zip(usual_of_run(run, encoder), usual_values(encoder, np.stack(films)), strict=True):
        np.testing.assert_allclose(ours, expected, atol=0.02 * np.abs(expected).max())


def test_few_are_spread_over_all(encoder, tmp_path):
    run = run_of(tmp_path, "train", [thumbnail(film(grey)) for grey in (100, 30, 30, 100, 30, 30, 100)])
    alone = usual_values(encoder, film(100)[None])
    np.testing.assert_allclose(usual_of_run(run, encoder, most=3)[-1], alone[-1], atol=0.02 * np.abs(alone[-1]).max())


@pytest.mark.parametrize(("split", "thumbnails"), [("val", [b""]), ("train", [b"", b""])])
def test_none_without_films(encoder, tmp_path, split, thumbnails):
    assert usual_of_run(run_of(tmp_path, split, thumbnails), encoder) is None
