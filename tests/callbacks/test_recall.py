import numpy as np
import pytest

from medxpert.callbacks.recall import recall


def test_recall_is_the_mean_of_both_directions():
    image = np.eye(12, dtype=np.float32)
    text = image.copy()
    text[[0, 1]] = text[[1, 0]]
    found = recall(image, text, [f"text {number}" for number in range(12)])
    assert found["val/image_to_text/recall@1"] == pytest.approx(10 / 12)
    assert found["val/text_to_image/recall@1"] == pytest.approx(10 / 12)
    assert found["val/recall@1"] == pytest.approx(10 / 12)
    assert found["val/recall@5"] > found["val/recall@1"]


def test_directions_stay_apart():
    image = np.eye(3, dtype=np.float32)[[0, 0, 1]]
    text = np.eye(3, dtype=np.float32)[[0, 1, 2]]
    found = recall(image, text, ["a", "b", "c"])
    assert found["val/image_to_text/recall@1"] != found["val/text_to_image/recall@1"]
    mean = (found["val/image_to_text/recall@1"] + found["val/text_to_image/recall@1"]) / 2
    assert found["val/recall@1"] == pytest.approx(mean)
