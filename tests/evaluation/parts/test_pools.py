import json

import numpy as np
import pytest

from medxpert.evaluation.parts.pools import pools
from medxpert.evaluation.subject import Vectors
from medxpert.metrics.retrieval import retrieval

NUM, POOL, DRAWS = 60, 25, 6


def rows(seed, width=6):
    sides = np.random.default_rng(seed).standard_normal((2, NUM, width)).astype(np.float32)
    return Vectors(sides[0], sides[0] + sides[1])


@pytest.fixture
def subject(make_subject):
    vectors = {"untrained": rows(1), "adapted": rows(2), "oracle": Vectors(rows(3).image, rows(3).image)}
    texts = [f"Report {row // 3 if row % 2 else row}" for row in range(NUM)]
    # of equal texts the first embedding stands for all
    first = [texts.index(text) for text in texts]
    vectors = {name: Vectors(image, text[first]) for name, (image, text) in vectors.items()}
    return make_subject(NUM, vectors, text=texts)


def test_like_an_evaluation_of_each_pool(subject):
    part = pools(subject, POOL, DRAWS)
    generator = np.random.default_rng(0)
    found = []
    for _ in range(DRAWS):
        some = np.sort(generator.choice(NUM, POOL, replace=False))
        image, text = (side[some] for side in subject.vectors["adapted"])
        found.append(retrieval(image, text, [subject.cases.texts[row] for row in some], some, draws=2))
    for direction in ("image_to_text", "text_to_image"):
        for relevance in ("identity", "same_text", "deduplicated"):
            values = [one[direction][relevance]["recall@5"]["value"] for one in found]
            chance = [one["chance"][direction][relevance]["recall@5"] for one in found]
            cell = part.figures["adapted"][direction][relevance]["recall@5"]
            assert cell["value"] == pytest.approx(np.mean(values))
            assert cell["sd"] == pytest.approx(np.std(values, ddof=1))
            assert part.figures["chance"][direction][relevance]["recall@5"]["value"] == pytest.approx(np.mean(chance))


def test_tables(subject):
    part = pools(subject, POOL, DRAWS)
    assert part.place == ("pools", "test")
    assert [row.name for row in part.blocks[0].rows] == ["chance", "untrained", "adapted", "oracle ceiling"]
    assert [row.kind for row in part.blocks[0].rows].index("main") == 2
    assert part.blocks[0].rows[0].cells[0].value == "4.0"
    assert part.blocks[0].rows[0].cells[0].interval == "±0.0"
    assert "6 random pools of 25 studies" in part.blocks[0].note
    assert "not the uncertainty over patients" in part.blocks[0].note
    json.dumps(part.figures, allow_nan=False)


def test_pools_are_the_same_whoever_is_measured(subject, make_subject):
    alone = make_subject(NUM, {"model": subject.vectors["adapted"]}, text=subject.cases.texts)
    assert pools(alone, POOL, DRAWS).figures["model"] == pools(subject, POOL, DRAWS).figures["adapted"]


@pytest.mark.parametrize(("size", "left_out"), [(NUM - 1, False), (NUM, True), (1000, True)])
def test_left_out_where_the_split_is_no_larger_than_a_pool(subject, size, left_out):
    assert (pools(subject, size, 2) is None) == left_out


def test_one_text_for_all(make_subject):
    part = pools(make_subject(40, text=["Normal."] * 40), 20, 3)
    assert part.figures["model"]["image_to_text"]["deduplicated"]["recall@1"] == {"value": 1.0, "sd": 0.0}
    assert part.figures["model"]["image_to_text"]["identity"]["recall@1"]["value"] == pytest.approx(1 / 20)
