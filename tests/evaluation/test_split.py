import numpy as np
import pytest

from medxpert.cases import SCHEMA, Cases, write_cases
from medxpert.evaluation.evaluate import measure_run
from medxpert.evaluation.plots.write import write_plots
from medxpert.evaluation.split import evaluate_split
from medxpert.evaluation.subject import Subject, Vectors
from medxpert.evaluation.tables.split import tables
from medxpert.metrics.retrieval import retrieval


def subject(cases, vectors):
    return Subject("test", cases, "adapted", "untrained", dict.fromkeys(("untrained", "adapted"), vectors), {})


def test_figures_are_those_of_the_metric(make_run):
    run = make_run()
    result = measure_run(run, "test", "untrained")
    cases, start = result.cases, result.subject.vectors["untrained"]
    expected = retrieval(*start, cases.texts, cases.patient_ids, subset=cases.abnormal)
    found = result.figures("untrained", "test_abnormal")
    assert found["text_to_image"] == expected["text_to_image"]
    assert found["image_to_text"]["identity"] == expected["image_to_text"]["identity"]
    assert found["queries"]["image_to_text"]["identity"] == cases.abnormal.sum()
    assert found["pool"]["image_to_text"]["identity"] == len(cases)


def test_gain_is_the_paired_difference(make_run):
    result = measure_run(make_run(), "test", "untrained")
    values = [
        result.figures(name, "test")["image_to_text"]["identity"]["recall@5"]["value"]
        for name in ("adapted", "untrained")
    ]
    gain = result.gains("untrained", "test")["image_to_text"]["identity"]["recall@5"]
    assert gain["value"] == pytest.approx(values[0] - values[1])
    assert gain["low"] <= gain["value"] <= gain["high"]


def test_label_relevance_beside_the_others(make_run):
    result = measure_run(make_run(), "test", "untrained")
    figures = result.figures("adapted", "test")
    assert set(figures["image_to_text"]) == {"identity", "same_text", "deduplicated", "label"}
    assert (
        figures["image_to_text"]["label"]["label_precision@5"]["value"]
        > figures["chance"]["image_to_text"]["label"]["label_precision@5"]
    )


def test_without_labels_there_are_no_abnormal_queries(make_run):
    result = measure_run(make_run(labelled=False), "test", "untrained")
    assert result.scopes == ["test"]
    assert "label" not in result.figures("adapted", "test")["image_to_text"]
    assert result.measured["cases", "test"]["abnormal"] is None


def test_identical_contenders_gain_nothing(make_run):
    cases = measure_run(make_run(), "test", "untrained").cases
    rows = np.random.default_rng(0).standard_normal((len(cases), 4))
    result = evaluate_split(subject(cases, Vectors(rows, rows)))
    cells = result.gains("untrained", "test")["image_to_text"]["identity"].values()
    assert {value for cell in cells for value in cell.values()} == {0}


def test_a_handful_of_studies_is_enough(make_run, tmp_path):
    cases = measure_run(make_run(), "test", "untrained").cases
    rows = [{name: cases.column(name)[row] for name in SCHEMA.names} for row in range(3)]
    write_cases(tmp_path / "few.parquet", rows)
    result = evaluate_split(subject(Cases(tmp_path / "few.parquet"), Vectors(np.eye(3), np.eye(3))))
    assert set(result.figures("adapted", "test")["image_to_text"]["identity"]) == {"recall@1", "mrr"}
    assert tables(result).blocks[0].rows[-1].cells[1].value == "\N{EN DASH}"
    write_plots(tmp_path / "plots", result, "open")
    assert (tmp_path / "plots" / "top_image_to_text.png").is_file()


def test_a_model_without_a_past(make_run):
    cases = measure_run(make_run(), "test", "untrained").cases
    rows = np.random.default_rng(0).standard_normal((len(cases), 4))
    result = evaluate_split(Subject("test", cases, "model", None, {"model": Vectors(rows, rows)}, {}))
    assert result.starting is None
    names = [row.name for row in tables(result).blocks[0].rows]
    assert names == ["chance", "model"]
