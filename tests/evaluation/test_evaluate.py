import json

import pytest

from medxpert.errors import ConfigError, DataError
from medxpert.evaluation.evaluate import evaluate_run, measure_run


def test_evaluate_writes_everything_and_counts_looks(make_run, capsys):
    run = make_run()
    (run.path / "metrics.json").write_text('{"looks": {"test": 1}}')
    evaluate_run(run, "test")
    metrics = json.loads((run.path / "metrics.json").read_text())
    assert metrics["looks"] == {"test": 2}
    assert metrics["policy"] == "credentialed"
    assert set(metrics) == {"policy", "looks", "cases", "untrained", "adapted", "baselines", "differences"}
    assert set(metrics["baselines"]) == {"pixel", "oracle"}
    assert set(metrics["differences"]) == {"adapted-untrained", "adapted-pixel"}
    assert set(metrics["adapted"]) == {"test", "test_abnormal"}
    out = capsys.readouterr().out
    assert "Look 2 at test" in out
    assert "not for diagnosis" in out
    names = {path.name for path in run.path.iterdir()}
    assert {"metrics.json", "retrieval_topk.csv", "plots", "report.html"} <= names
    assert len(list((run.path / "plots").glob("*.png"))) == 6


def test_evaluate_prompts(make_run, capsys):
    run = make_run(prompts=True)
    evaluate_run(run, "test")
    metrics = json.loads((run.path / "metrics.json").read_text())
    assert set(metrics["adapted"]["test"]["image_to_label"]) == {"label"}
    assert "too few" in capsys.readouterr().out
    assert (run.path / "plots" / "auroc.png").is_file()
    assert not (run.path / "plots" / "recall_curves.png").exists()


def test_without_training_studies_or_truth_there_is_no_baseline(make_run):
    result = measure_run(make_run(truths=False, splits=("test",)), "test", "untrained")
    assert set(result.vectors) == {"untrained", "adapted"}
    assert result.starting == "untrained"


def test_measure_needs_no_provenance(make_run):
    run = make_run()
    (run.path / "provenance.json").unlink()
    assert measure_run(run, "test", "pretrained").figures("pretrained", "test")


@pytest.mark.parametrize(
    ("split", "message"),
    [("val", "split=val: .* holds test, train"), ("train", "split=train: the starting weights did not embed it")],
)
def test_splits_that_cannot_be_measured(make_run, split, message):
    with pytest.raises(ConfigError, match=message):
        measure_run(make_run(), split, "untrained")


def test_damaged_prompts_are_refused(make_run):
    run = make_run(prompts=True)
    (run.path / "prompts" / "prompts.npy").write_bytes(b"x")
    with pytest.raises(DataError, match="checksum"):
        measure_run(run, "test", "untrained")
