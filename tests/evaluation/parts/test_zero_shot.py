import numpy as np
import pytest

from medxpert.data.zero_shot import Prompts
from medxpert.evaluation.parts import zero_shot as module
from medxpert.evaluation.parts.zero_shot import prompt_scores, zero_shot
from medxpert.evaluation.source import open_split, with_baselines
from medxpert.evaluation.subject import Subject, Vectors


def test_prompt_scores_by_hand():
    prompts = np.array([[[1, 0], [0, 1]], [[0, 1], [1, 0]]], dtype=np.float16)
    assert prompt_scores(np.array([[0.6, 0.8]]), prompts) == pytest.approx(np.array([[-0.2, 0.2]]), abs=1e-6)


def test_starting_and_adapted_weights_are_compared(make_run):
    part = zero_shot(open_split(make_run(), "test", "untrained"))
    assert part.place == ("zero_shot", "test")
    assert {"counts", "chance", "untrained", "adapted", "difference", "prompts"} == set(part.figures)
    assert [block.title for block in part.blocks] == ["zero-shot AUROC", "zero-shot AUPRC"]
    assert part.blocks[0].columns == ("pos/neg", "chance", "untrained", "adapted", "gain")


def test_nothing_to_measure_without_prompts_or_labels(make_run):
    subject = open_split(make_run(labelled=False, truths=False), "test", "untrained")
    assert zero_shot(subject) is None
    rows = np.eye(30)
    alone = Subject("test", subject.cases, "model", None, {"model": Vectors(rows, rows)}, {})
    assert zero_shot(alone) is None


def test_prompts_that_training_reports_hold_are_counted(make_run, monkeypatch):
    subject = with_baselines(open_split(make_run(), "test", "untrained"))
    told = subject.train.cases.texts[0].split(". ")[0] + "."
    monkeypatch.setattr(module, "prompts", lambda: [Prompts((told,), ("A sentence that nobody writes.",))])
    part = zero_shot(subject)
    assert part.figures["prompts"] == {"sentences": 2, "seen": 1}
    assert "1 of 2 prompts stand in training reports" in part.blocks[0].note
