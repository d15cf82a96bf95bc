from pathlib import Path

import numpy as np
import pytest

from medxpert.cases import Cases
from medxpert.evaluation.parts.ceilings import ceilings, image_keys, scope_ceiling
from medxpert.evaluation.subject import Subject
from medxpert.ontology import MISSING

NORMAL, ABNORMAL = [1] + [MISSING] * 13, [MISSING] * 5 + [1] + [MISSING] * 8


def cases(**columns):
    texts = ["Clear."] * 4 + ["Edema."] * 2
    return Cases.of({"text": texts, "labels": [NORMAL] * 4 + [ABNORMAL] * 2} | columns, Path("cases.csv"))


def test_ceilings_of_all_and_of_abnormal_queries():
    part = ceilings(Subject("test", cases(), "model", None, {}, {}))
    figures = part.figures
    assert part.place == ("ceilings", "test")
    for direction in ("image_to_text", "text_to_image"):
        assert figures["all"][direction]["recall@1"]["value"] == pytest.approx(2 / 6)
        assert figures["all"][direction]["recall@5"]["value"] == pytest.approx(1)
        assert figures["abnormal"][direction]["recall@1"]["value"] == pytest.approx(1 / 2)
        assert "recall@10" not in figures["all"][direction]
        assert figures["abnormal"][direction]["mrr"]["value"] == pytest.approx(3 / 4)
    assert figures["duplicates"] == {"texts": 2, "most_frequent_text": 4, "images": None}
    (block,) = part.blocks
    assert [row.name for row in block.rows] == [
        "image → text",
        "text → image",
        "image → text, abn.",
        "text → image, abn.",
    ]
    assert [cell.value for cell in block.rows[2].cells] == ["50.0", "100.0", "–"]  # noqa: RUF001


def test_without_labels_there_is_no_abnormal_ceiling():
    part = ceilings(Subject("test", cases(labels=[[MISSING] * 14] * 6), "model", None, {}, {}))
    assert set(part.figures) == {"all", "duplicates"}


def test_equal_images_lower_the_ceiling():
    told_apart = scope_ceiling(cases(image_hash=list("abcdef")), np.ones(6, bool))
    alike = scope_ceiling(cases(image_hash=list("abcdda")), np.ones(6, bool))
    for direction in told_apart:
        assert alike[direction]["recall@1"]["value"] < told_apart[direction]["recall@1"]["value"]


def test_a_mean_of_several_images_equals_no_other():
    known = cases(image_hash=["a", "a", "b", None, "c", "c"], images=[1, 1, 2, 1, 1, 3])
    assert image_keys(known) == ["a", "a", None, None, "c", None]
    assert image_keys(cases()) is None
