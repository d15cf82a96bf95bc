import io
from dataclasses import replace

import pytest
from rich.console import Console

from medxpert.evaluation.evaluate import measure_run
from medxpert.evaluation.split import evaluate_split
from medxpert.evaluation.tables.split import tables
from medxpert.tables.console import show


def printed(result):
    stream = io.StringIO()
    show(tables(result), "open", ["written"], Console(file=stream, width=80))
    return stream.getvalue()


def test_retrieval_tables(make_run):
    result = measure_run(make_run(), "test", "untrained")
    found = tables(result).blocks
    assert [block.title for block in found[:2]] == ["image → text · identity", "text → image · identity"]
    assert [row.name for row in found[0].rows] == [
        "chance",
        "most frequent",
        "pixel baseline",
        "untrained",
        "adapted",
        "oracle ceiling",
        "gain on start",
        "gain on pixels",
    ]
    adapted = found[0].rows[4]
    assert adapted.cells[0].value == "100.0"
    assert adapted.cells[3].value == "1"
    assert "30 queries, pool 30" in found[0].note


@pytest.mark.parametrize("prompts", [False, True])
def test_eighty_columns_hold_everything(make_run, prompts):
    out = printed(measure_run(make_run(prompts=prompts), "test", "untrained"))
    assert "…" not in out
    assert max(map(len, out.splitlines())) <= 80
    assert "Policy: open" in out


def test_losses_fit_as_well(make_run):
    result = measure_run(make_run(), "test", "untrained")
    vectors = result.subject.vectors
    lost = dict(vectors) | {"adapted": vectors["untrained"], "untrained": vectors["adapted"]}
    out = printed(evaluate_split(replace(result.subject, vectors=lost)))
    assert "gain on start  -" in out
    assert "…" not in out
    assert max(map(len, out.splitlines())) <= 80


def test_without_labels_the_notes_say_so(make_run):
    result = measure_run(make_run(labelled=False), "test", "untrained")
    assert any("No study has labels" in note for note in tables(result).notes)


def test_prompts_have_no_retrieval_tables(make_run):
    result = measure_run(make_run(prompts=True), "test", "untrained")
    found = tables(result)
    assert [block.title for block in found.blocks] == ["zero-shot AUROC", "zero-shot AUPRC"]
    assert any("30 studies show large effects only" in note for note in found.notes)
    assert any("prompts written from labels" in note for note in found.notes)
