import io

import numpy as np
import PIL.Image

from medxpert.cases import Cases, write_cases
from medxpert.evaluation import baselines
from medxpert.evaluation.baselines import (
    frequent_vectors,
    oracle_vectors,
    place_pixels,
    thumbnail_components,
    thumbnail_projection,
)
from medxpert.evaluation.evaluate import measure_run
from medxpert.metrics.ranking import Ranks, hits
from medxpert.metrics.relevance import rank
from medxpert.metrics.retrieval import pair, rank_pairs
from medxpert.ontology import MISSING
from medxpert.phantom.oracle import image_vector, report_vector


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
    held, asked = write(tmp_path / "train.parquet", 80, 0), write(tmp_path / "test.parquet", 12, 1)
    vectors, train, _ = place_pixels(held, asked)
    groups = np.arange(12) % 4
    ranks: Ranks = rank(vectors.image, vectors.text, groups, groups)
    assert hits(ranks, (1,)).mean() == 1
    assert np.allclose(np.linalg.norm(vectors.image, axis=1), 1, atol=1e-5)
    similar: Ranks = rank(vectors.image, train.image, groups, np.arange(80) % 4)
    assert hits(similar, (1,)).mean() == 1
    assert np.allclose(place_pixels(held, held).split.text, train.text)


def test_placing_in_parts_changes_nothing(tmp_path, monkeypatch):
    held, asked = write(tmp_path / "train.parquet", 80, 0), write(tmp_path / "test.parquet", 12, 1)
    whole = place_pixels(held, asked).split
    monkeypatch.setattr(baselines, "_STUDIES_AT_A_TIME", 5)
    for side, expected in zip(place_pixels(held, asked).split, whole, strict=True):
        np.testing.assert_allclose(side, expected, atol=1e-5)


def test_components_of_thumbnails_are_standardised_and_tell_what_they_show(tmp_path):
    components = thumbnail_components(write(tmp_path / "cases.parquet", 80, 0))
    np.testing.assert_allclose(components.std(axis=0), 1, rtol=0.01)
    lit_above = np.arange(80) % 4 < 2
    assert max(abs(np.corrcoef(column, lit_above)[0, 1]) for column in components.T) > 0.5


def test_the_projection_is_that_of_the_fitted_studies(tmp_path):
    held, asked = write(tmp_path / "train.parquet", 80, 0), write(tmp_path / "test.parquet", 12, 1)
    project = thumbnail_projection(held)
    np.testing.assert_array_equal(project(held), thumbnail_components(held))
    assert project(asked).shape == (12, project(held).shape[1])


def test_the_most_frequent_training_report_comes_first(make_subject):
    held = make_subject(5, text=["Clear.", "clear. ", "Edema.", "Clear.", "Edema."]).cases
    asked = make_subject(3, text=["EDEMA.", "Clear.", "Fracture."]).cases
    vectors = frequent_vectors(asked, held)
    assert vectors.text.tolist() == [[2], [3], [0]]
    assert (vectors.image @ vectors.text.T).argmax(axis=1).tolist() == [1, 1, 1]
    assert frequent_vectors(held).text.tolist() == [[3], [3], [2], [3], [2]]
    ranked = rank_pairs(pair(*vectors, asked.texts))
    assert ranked[0].ranks.better.tolist() == [1, 0, 2]


def test_oracle_needs_every_truth(make_run, tmp_path):
    result = measure_run(make_run(), "test", "untrained")
    oracle = result.subject.vectors["oracle"]
    truth = result.cases.truths[3]
    np.testing.assert_array_equal(oracle.image[3], image_vector(truth))
    np.testing.assert_array_equal(oracle.text[3], report_vector(truth))
    assert oracle_vectors(write(tmp_path / "real.parquet", 4, 0)) is None
    recalls = {
        name: result.figures(name, "test_abnormal")["image_to_text"]["identity"]["recall@1"]["value"]
        for name in ("oracle", "pixel")
    }
    assert recalls["oracle"] > recalls["pixel"] + 0.2
