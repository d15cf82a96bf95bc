import io

import numpy as np
import PIL.Image

from medxpert.cases import Cases, write_cases
from medxpert.evaluation.baselines import oracle_vectors, pixel_vectors
from medxpert.evaluation.evaluate import measure_run
from medxpert.metrics.ranking import Ranks, hits
from medxpert.metrics.relevance import rank
from medxpert.ontology import MISSING


def lit(quarter, noise):
    pixels = noise.integers(0, 60, (32, 32), dtype=np.uint8)
    pixels[16 * (quarter // 2) :, 16 * (quarter % 2) :][:16, :16] += 150
    encoded = io.BytesIO()
    PIL.Image.fromarray(pixels).save(encoded, "JPEG")
    return encoded.getvalue()


def write(path, count, seed):
    noise = np.random.default_rng(seed)
    words = ("left upper opacity", "right upper effusion", "left lower nodule", "right lower fracture")
    rows = [
        {
            "study_id": f"s{number}",
            "patient_id": f"p{number}",
            "text": f"There is {words[number % 4]}.",
            **dict.fromkeys(("section", "view", "split", "source", "policy", "path"), ""),
            "truth": None,
            "labels": [MISSING] * 14,
            "thumbnail": lit(number % 4, noise),
        }
        for number in range(count)
    ]
    write_cases(path, rows)
    return Cases(path)


def test_pixels_find_what_pixels_show(tmp_path):
    vectors = pixel_vectors(write(tmp_path / "train.parquet", 80, 0), write(tmp_path / "test.parquet", 12, 1))
    groups = np.arange(12) % 4
    ranks: Ranks = rank(vectors.image, vectors.text, groups, groups)
    assert hits(ranks, (1,)).mean() == 1
    assert np.allclose(np.linalg.norm(vectors.image, axis=1), 1, atol=1e-5)


def test_oracle_needs_every_truth(make_run, tmp_path):
    result = measure_run(make_run(), "test", "untrained")
    assert result.vectors["oracle"].image.shape == result.vectors["oracle"].text.shape
    assert oracle_vectors(write(tmp_path / "real.parquet", 4, 0)) is None
    recalls = {
        name: result.figures(name, "test_abnormal")["image_to_text"]["identity"]["recall@1"]["value"]
        for name in ("oracle", "pixel")
    }
    assert recalls["oracle"] > recalls["pixel"] + 0.2
