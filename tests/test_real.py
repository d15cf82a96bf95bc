"""Label prompts on real radiographs, where they lie beside the project."""

import json
from pathlib import Path

import pytest

MANIFEST = Path(__file__).parents[2] / "shared" / "cxr" / "manifest.csv"
pytestmark = [
    pytest.mark.shared,
    pytest.mark.slow,
    pytest.mark.skipif(not MANIFEST.is_file(), reason=f"no real radiographs at {MANIFEST}"),
]


def test_labels_train_export_evaluate_and_answer(tmp_path, command):
    arguments = ("data=csv", f"data.manifest={MANIFEST}", "data.prompts=true", "trainer.max_epochs=3")
    outcome = command("train.py", *arguments)
    assert outcome.status == 0, outcome.err
    outcome = command("evaluate.py")
    assert outcome.status == 0, outcome.err
    assert "constant" in outcome.out.lower()
    metrics = json.loads((tmp_path / "outputs" / "latest" / "metrics.json").read_text())
    assert "mean" in metrics["zero_shot"]["test"]["adapted"]["auroc"]
    assert "label_precision@10" in metrics["similar"]["test"]["image"]["adapted"]["both"]
    outcome = command("infer.py", "query=pleural effusion", f"output={tmp_path}/answer")
    assert outcome.status == 0, outcome.err
    assert json.loads((tmp_path / "answer" / "result.json").read_text())["report"]["findings"]
