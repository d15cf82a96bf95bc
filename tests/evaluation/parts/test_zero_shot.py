import numpy as np
import pytest

from medxpert.evaluation.parts.zero_shot import prompt_scores, zero_shot
from medxpert.evaluation.source import open_split
from medxpert.evaluation.subject import Subject, Vectors


def test_prompt_scores_by_hand():
    prompts = np.array([[[1, 0], [0, 1]], [[0, 1], [1, 0]]], dtype=np.float16)
    assert prompt_scores(np.array([[0.6, 0.8]]), prompts) == pytest.approx(np.array([[-0.2, 0.2]]), abs=1e-6)


def test_starting_and_adapted_weights_are_compared(make_run):
    part = zero_shot(open_split(make_run(), "test", "untrained"))
    assert part.place == ("zero_shot", "test")
    assert {"counts", "chance", "untrained", "adapted", "difference"} == set(part.figures)
    assert [block.title for block in part.blocks] == ["zero-shot AUROC", "zero-shot AUPRC"]
    assert part.blocks[0].columns == ("pos/neg", "chance", "untrained", "adapted", "gain")


def test_nothing_to_measure_without_prompts_or_labels(make_run):
    subject = open_split(make_run(labelled=False, truths=False), "test", "untrained")
    assert zero_shot(subject) is None
    rows = np.eye(30)
    alone = Subject("test", subject.cases, "model", None, {"model": Vectors(rows, rows)}, {})
    assert zero_shot(alone) is None
