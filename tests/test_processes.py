"""Two CPU processes: one run, and validation that counts every study once."""

import csv

import pytest

from medxpert.metrics.ranking import hits
from medxpert.metrics.retrieval import pair, rank_pairs
from medxpert.run import open_run


def validations(run):
    with (run.path / "logs" / "metrics.csv").open() as file:
        return [float(row["val/recall@10"]) for row in csv.DictReader(file) if row["val/recall@10"]]


def recall_at_10(embeddings):
    ranked = rank_pairs(pair(embeddings.image, embeddings.text, embeddings.cases.texts))
    found = [hits(one.ranks, [10]).mean() for one in ranked if one.relevance == "identity"]
    return sum(found) / len(found)


@pytest.mark.slow
@pytest.mark.parametrize("sharding", ["optimizer=adamw_sharded", "trainer=fsdp"])
def test_two_processes_make_one_run(tmp_path, train_small, sharding):
    settings = ("data.num_studies=140", "trainer.devices=2", "trainer.accelerator=cpu", "trainer.max_epochs=1")
    outcome = train_small(tmp_path, *settings, sharding)
    assert outcome.status == 0, outcome.err[-4000:]
    run = open_run("latest", tmp_path / "outputs")
    assert len([path for path in (tmp_path / "outputs").iterdir() if not path.is_symlink()]) == 1
    assert run.provenance["processes"] == 2
    # an odd number of validation studies: one process sees a study more, which must be counted once
    assert run.provenance["studies"]["val"] % 2 == 1
    before, after = validations(run)
    # the first process alone has embedded these
    assert before == pytest.approx(recall_at_10(run.embeddings("val", starting=True)), abs=1e-6)
    assert after == pytest.approx(recall_at_10(run.embeddings("val")), abs=1e-6)
    assert run.provenance["steps"] == 2
