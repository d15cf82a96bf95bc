"""Recall@K of embeddings from elsewhere beside open_clip's and a naive loop, where the definitions agree."""

import numpy as np
import pytest
import torch
from open_clip_train.train import get_clip_metrics

from medxpert.evaluation.foreign.folder import open_embeddings
from medxpert.evaluation.split import evaluate_split

COUNT, WIDTH = 300, 24


@pytest.fixture(scope="module")
def arrays():
    generator = np.random.default_rng(5)
    image = generator.standard_normal((COUNT, WIDTH))
    text = image + 1.6 * generator.standard_normal((COUNT, WIDTH))
    return [(rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32) for rows in (image, text)]


@pytest.fixture(scope="module")
def figures(arrays, tmp_path_factory):
    folder = tmp_path_factory.mktemp("theirs")
    for name, rows in zip(("image", "text"), arrays, strict=True):
        np.save(folder / f"{name}.npy", rows)
    (folder / "cases.csv").write_text("text\n" + "\n".join(f"Effusion number {row}." for row in range(COUNT)))
    return evaluate_split(open_embeddings(folder, "test").subject).figures("model", "test")


def naive_recall(queries, gallery, k):
    found = 0
    for row, query in enumerate(queries):
        scores = [float(np.dot(query, item)) for item in gallery]
        nearest = sorted(range(len(gallery)), key=lambda item: -scores[item])[:k]
        found += row in nearest
    return found / len(queries)


@pytest.mark.parametrize("direction", ["image_to_text", "text_to_image"])
def test_recall_is_that_of_open_clip_and_of_a_loop(arrays, figures, direction):
    theirs = get_clip_metrics(*map(torch.tensor, arrays), 1.0)
    queries, gallery = arrays if direction == "image_to_text" else arrays[::-1]
    for k in (1, 5, 10):
        for relevance in ("identity", "same_text", "deduplicated"):
            ours = figures[direction][relevance][f"recall@{k}"]["value"]
            assert ours == pytest.approx(theirs[f"{direction}_R@{k}"], abs=1e-12)
            assert ours == pytest.approx(naive_recall(queries, gallery, k), abs=1e-12)
        assert 0.05 < ours < 0.95
    assert figures["ranks"][direction]["identity"]["mean_rank"]["value"] == pytest.approx(
        theirs[f"{direction}_mean_rank"]
    )
