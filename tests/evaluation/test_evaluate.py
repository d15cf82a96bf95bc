import csv
import json
import os
import shutil
from functools import partial

import numpy as np
import pytest

from medxpert.errors import ConfigError, DataError
from medxpert.evaluation import evaluate, publish
from medxpert.evaluation.evaluate import compare, evaluate_embeddings, evaluate_run, measure_run
from medxpert.evaluation.measure import Options
from medxpert.evaluation.subject import Part
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
    assert set(metrics["zero_shot"]["test"]) == {
        "counts",
        "chance",
        "pixel",
        "untrained",
        "adapted",
        "difference",
        "prompts",
    }
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


@pytest.mark.slow
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


def read(folder):
    return json.loads((folder / "metrics.json").read_text())


@pytest.fixture
def make_folder(make_run, tmp_path):
    """Write the test split of a run as somebody else's embeddings, with a cases.csv of given columns."""
    run = make_run()

    def make(name="theirs", policy="open", columns=("study_id", "patient_id", "text")):
        given, folder = run.embeddings("test"), tmp_path / name
        folder.mkdir()
        np.save(folder / "image.npy", given.image)
        np.save(folder / "text.npy", given.text)
        rows = zip(*(given.cases.column(column) for column in columns), strict=True)
        lines = [",".join((*columns, "policy"))] + [
            ",".join([*(f'"{value}"' for value in row), policy]) for row in rows
        ]
        (folder / "cases.csv").write_text("\n".join(lines))
        return folder

    make.run = run
    return make


@pytest.fixture
def unmeasured(monkeypatch):
    """Fail where anything is measured."""
    for name in ("measure_all", "compare_runs"):
        monkeypatch.setattr(evaluate, name, lambda *_: pytest.fail("measured"))


@pytest.mark.slow
def test_looks_are_the_runs_wherever_it_is_written(make_run, tmp_path, capsys):
    run = make_run()
    for number in (1, 2):
        evaluate_run(run, "test", output=tmp_path / f"out{number}")
    assert read(run.path)["looks"] == {"test": 2}
    assert "adapted" not in read(run.path)
    assert read(tmp_path / "out2")["looks"] == {}
    assert "Look 2 at test with this run" in capsys.readouterr().out
    other = shutil.copytree(run.path, tmp_path / "outputs" / "another")
    compare([str(run.path), str(other)], "test")
    assert read(run.path)["looks"] == read(other)["looks"] == {"test": 3}
    assert capsys.readouterr().out.count("Look 3 at test with ") == 2


def test_looks_at_embeddings_are_counted_where_they_are_written(make_folder, tmp_path, capsys):
    folder = make_folder()
    for _ in range(2):
        evaluate_embeddings(folder, None, "test", output=tmp_path / "out")
    assert read(tmp_path / "out")["looks"] == {"test": 2}
    assert "Look 2 at test in " in capsys.readouterr().out
    assert make_folder.run.path.joinpath("metrics.json").exists() is False


def policies_in(folder):
    tables = json.loads((folder / "tables" / "test.json").read_text())["policy"]
    with (folder / "retrieval_topk.csv").open(encoding="utf-8") as file:
        answers = {row["policy"] for row in csv.DictReader(file)}
    assert f"policy</td><td>{tables}<" in (folder / "report.html").read_text()
    return {read(folder)["policy"], tables, *answers}


@pytest.mark.slow
def test_the_strictest_policy_marks_everything(make_run, tmp_path):
    run = make_run()
    part = Part(("transfer", "x"), {}, (), "private")
    evaluate_run(run, "test", extra=[lambda: part], output=tmp_path / "out")
    assert policies_in(tmp_path / "out") == {"private"}
    (run.path / "provenance.json").write_text('{"policy": "open", "starting_stage": "untrained"}')
    evaluate_run(run, "test", output=tmp_path / "cases")
    assert policies_in(tmp_path / "cases") == {"credentialed"}


def test_the_policy_of_training_studies_counts(make_folder, tmp_path):
    evaluate_embeddings(make_folder(), make_folder("known", "private"), "test", output=tmp_path / "out")
    assert policies_in(tmp_path / "out") == {"private"}


def test_a_comparison_bears_the_strictest_policy_and_all_remarks(make_folder, tmp_path, capsys):
    run = make_folder.run
    provenance = run.path / "provenance.json"
    provenance.write_text(provenance.read_text().replace("credentialed", "private"))
    compare([str(make_folder()), str(run.path)], "test", output=tmp_path / "out")
    document = json.loads((tmp_path / "out" / "comparison_test.json").read_text())
    assert document["policy"] == "private"
    assert any(note.startswith(f"{tmp_path / 'theirs'}: labels: none given") for note in document["notes"])
    assert "none given" in capsys.readouterr().out


def test_a_comparison_needs_study_ids(make_folder):
    names = [str(make_folder(name, columns=("text",))) for name in ("one", "two")]
    with pytest.raises(DataError, match=r"one has no study ids for 30 of 30 rows; add a column study_id"):
        compare(names, "test")


@pytest.mark.usefixtures("unmeasured")
def test_one_folder_under_two_names(make_folder, monkeypatch):
    folder, run = make_folder(), make_folder.run
    monkeypatch.chdir(folder.parent)
    for names in (["theirs", "theirs/"], ["theirs", str(folder)], [str(run.path), "a-run"]):
        with pytest.raises(ConfigError, match="name two different ones"):
            compare(names, "test")


@pytest.mark.usefixtures("unmeasured")
@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        (lambda out: out.write_text("x"), ConfigError, "cannot write"),
        (
            lambda out: (out.mkdir(), (out / "metrics.json").write_text("[]")),
            DataError,
            "expected an object, found list",
        ),
        (lambda out: (out.mkdir(), seal(out, {})), ConfigError, "give output=DIR: .*out belongs to a run"),
    ],
    ids=["a file", "broken metrics.json", "sealed"],
)
def test_bad_output_is_refused_before_the_measuring(make_folder, tmp_path, spoil, error, message):
    run, folder, out = make_folder.run, make_folder(), tmp_path / "out"
    spoil(out)
    part = lambda: pytest.fail("measured")  # noqa: E731
    for evaluated in (
        partial(evaluate_run, run, "test", extra=[part]),
        partial(evaluate_embeddings, folder, None, "test"),
        partial(compare, [str(run.path), str(folder)], "test"),
    ):
        with pytest.raises(error, match=message) as caught:
            evaluated(output=out)
        assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("unmeasured")
def test_the_runs_own_metrics_must_be_whole_for_a_look(make_run, tmp_path):
    run = make_run()
    (run.path / "metrics.json").write_text('{"looks": []}')
    with pytest.raises(DataError, match="looks to be an object"):
        evaluate_run(run, "test", output=tmp_path / "out")


@pytest.mark.usefixtures("unmeasured")
def test_a_probe_without_training_studies_is_refused_first(make_folder):
    with pytest.raises(ConfigError, match=r"probe=true needs training studies; give train=DIR"):
        evaluate_embeddings(make_folder(), None, "test", Options(probe=True))


@pytest.mark.usefixtures("unmeasured")
def test_nothing_is_written_into_the_embeddings_of_a_run(make_run):
    folder = make_run().path / "embeddings" / "test"
    before = sorted(os.listdir(folder))
    with pytest.raises(ConfigError, match=f"give output=DIR: {folder} belongs to a run"):
        evaluate_embeddings(folder, None, "test")
    assert sorted(os.listdir(folder)) == before


def test_tables_are_shown_even_if_a_plot_cannot_be_written(make_run, monkeypatch, capsys):
    def fail(*_):
        raise ConfigError("cannot write plots: disk full")

    monkeypatch.setattr(publish, "write_plots", fail)
    run = make_run()
    with pytest.raises(ConfigError, match="disk full"):
        evaluate_run(run, "test")
    assert "Look 1 at test" in capsys.readouterr().out
    assert (run.path / "tables" / "test.md").is_file()
