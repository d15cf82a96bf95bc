import json
import shutil

import pytest

from medxpert.errors import ConfigError, DataError
from medxpert.evaluation.evaluate import evaluate_run, measure_run
from medxpert.folders import seal


def test_evaluate_writes_everything_and_counts_looks(make_run, capsys):
    run = make_run()
    (run.path / "metrics.json").write_text('{"looks": {"test": 1}}')
    evaluate_run(run, "test")
    metrics = json.loads((run.path / "metrics.json").read_text())
    assert metrics["looks"] == {"test": 2}
    assert metrics["policy"] == "credentialed"
    assert set(metrics) == {
        "policy",
        "looks",
        "cases",
        "untrained",
        "adapted",
        "baselines",
        "differences",
        "zero_shot",
        "similar",
        "ceilings",
        "leaks",
    }
    assert set(metrics["baselines"]) == {"pixel", "oracle", "frequent"}
    assert set(metrics["differences"]) == {"adapted-untrained", "adapted-pixel"}
    assert set(metrics["adapted"]) == {"test", "test_abnormal"}
    out = capsys.readouterr().out
    assert "Look 2 at test" in out
    assert "not for diagnosis" in out
    names = {path.name for path in run.path.iterdir()}
    assert {"metrics.json", "retrieval_topk.csv", "plots", "tables", "report.html"} <= names
    assert len(list((run.path / "plots").glob("*.png"))) == 7


def test_evaluate_prompts(make_run, capsys):
    run = make_run(prompts=True)
    evaluate_run(run, "test")
    metrics = json.loads((run.path / "metrics.json").read_text())
    assert set(metrics["zero_shot"]["test"]) == {"counts", "chance", "pixel", "untrained", "adapted", "difference"}
    assert "adapted" not in metrics
    assert "too few" in capsys.readouterr().out
    assert (run.path / "plots" / "auroc.png").is_file()
    assert not (run.path / "plots" / "recall_curves.png").exists()


def test_without_training_studies_or_truth_there_is_no_baseline(make_run):
    result = measure_run(make_run(truths=False, splits=("test",)), "test", "untrained")
    assert set(result.subject.vectors) == {"untrained", "adapted", "frequent"}
    assert result.starting == "untrained"


def test_measure_needs_no_provenance(make_run):
    run = make_run()
    (run.path / "provenance.json").unlink()
    assert measure_run(run, "test", "pretrained").figures("pretrained", "test")


def test_a_split_that_was_not_embedded(make_run):
    with pytest.raises(ConfigError, match=r"split=val: .* holds test, train"):
        measure_run(make_run(), "val", "untrained")


def test_a_split_without_starting_weights(make_run):
    run = make_run()
    folder = run.path / "embeddings" / "test"
    (folder / "start_image.npy").unlink()
    seal(folder, {})
    with pytest.raises(ConfigError, match="split=test: the starting weights did not embed it"):
        measure_run(run, "test", "untrained")


def test_the_shifted_split_stands_beside_test(make_run, capsys):
    run = make_run()
    shutil.copytree(run.path / "embeddings" / "test", run.path / "embeddings" / "test_shift")
    evaluate_run(run, "test")
    metrics = json.loads((run.path / "metrics.json").read_text())
    assert metrics["looks"] == {"test": 1, "test_shift": 1}
    assert metrics["adapted"]["test_shift"]["image_to_text"] == metrics["adapted"]["test"]["image_to_text"]
    out = capsys.readouterr().out
    assert "adapted, shifted" in out
    assert "drop" in out


def test_damaged_prompts_are_refused(make_run):
    run = make_run(prompts=True)
    (run.path / "prompts" / "prompts.npy").write_bytes(b"x")
    with pytest.raises(DataError, match="checksum"):
        measure_run(run, "test", "untrained")
