"""Every data set in its exact layout: prepare, data report, train, evaluate; counts as known from how it was built."""

import importlib
import json
import os
import sys
from pathlib import Path

import pytest

from medxpert.data.readers.shards import Shards
from medxpert.run import open_run
from medxpert.words import SPLITS

READERS = sorted(path.stem for path in (Path(__file__).parent / "trees").glob("*.py"))
DATASETS = [name for name in READERS if name not in ("accounts", "tree", "tally", "phantoms", "dicoms")]
PROMPTS = {"chexpert", "nih_cxr14", "vindr"}
SMALL = (
    "model.image_side=64",
    "model.image_widths=[8]",
    "model.text_width=32",
    "model.text_blocks=1",
    "model.vocab_size=600",
    "trainer.max_epochs=1",
    "trainer.precision=32",
    "loader.batch_size=16",
)
POLICIES = {"openi": "open", "nih_cxr14": "open", "roco": "open", "dicom_folder": "private", "mix": "credentialed"}


@pytest.fixture
def prepare(monkeypatch, capsys, tmp_path):
    """Call the command in this process, in an empty working folder."""
    import medxpert.prepare

    def call(*arguments, cwd=tmp_path):
        monkeypatch.chdir(cwd)
        monkeypatch.setattr(sys, "argv", ["prepare.py", *arguments])
        status = 0
        try:
            medxpert.prepare.main()
        except SystemExit as ended:
            status = ended.code
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return call


def built(name, folder):
    tree = importlib.import_module(f"trees.{name}").build(folder)
    return tree, [f"data={name}", *(f"{key}={value}" for key, value in tree.arguments.items())]


def snapshot(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


@pytest.mark.parametrize("name", DATASETS)
def test_prepared_data_are_those_that_were_built(name, prepare, tmp_path):
    tree, arguments = built(name, tmp_path / "tree")
    before = snapshot(tmp_path / "tree")
    status, out, err = prepare(*arguments, "side=64", "format=png", f"output={tmp_path / 'shards'}")
    assert status == 0, err
    report = json.loads((tmp_path / "shards" / "data_report.json").read_text())
    found = {split: (one["studies"], one["images"], one["patients"]) for split, one in report["splits"].items()}
    assert found == {split: tuple(counts) for split, counts in tree.counts.items()}
    assert report["rejected"] == {reason: count for reason, count in tree.rejected.items() if count}
    assert report["provenance"]["policy"] == POLICIES.get(name, "credentialed")
    assert (report["leaks"]["patients"] is None) == (found["train"][2] is None)
    assert snapshot(tmp_path / "tree") == before
    shards = Shards(str(tmp_path / "shards"))
    for split in SPLITS:
        ids = [study.study_id for study in shards(split)]
        assert ids == [one for one in tree.ids[split] if one in set(ids)]
        assert len(set(ids)) == len(ids) == tree.counts[split][0]
        assert not [study for study in shards(split) if "nan" in (study.findings.lower(), study.impression.lower())]
    assert "what was written" in out


@pytest.mark.slow
@pytest.mark.parametrize("name", DATASETS)
def test_chain_from_tree_to_tables(name, prepare, command, tmp_path):
    tree, arguments = built(name, tmp_path / "tree")
    status, _, err = prepare(*arguments, "side=64", f"output={tmp_path / 'shards'}")
    assert status == 0, err
    for data in (["data=shards", f"data.root={tmp_path / 'shards'}"], [*arguments, "max_rejected=0.6"]):
        outcome = command("train.py", *data, *SMALL)
        assert outcome.status == 0, outcome.err
        run = open_run("latest", tmp_path / "outputs")
        assert run.provenance["studies"] == {split: counts[0] for split, counts in tree.counts.items()}
        assert run.policy == POLICIES.get(name, "credentialed")
        outcome = command("evaluate.py")
        assert outcome.status == 0, outcome.err
        told = {"mix": "some patients unknown"}.get(name, "patients unknown") + ", leakage possible"
        assert (told in outcome.out) == (name == "mix" or tree.counts["test"][2] is None)
        if name not in PROMPTS:
            assert json.loads((run.path / "metrics.json").read_text())["adapted"]["test"]["image_to_text"]


def test_hub_data_train_without_preparation(command, tmp_path):
    _, arguments = built("mimic_cxr_hf", tmp_path / "tree")
    outcome = command("train.py", *arguments, *SMALL, "max_rejected=0.6", "data.split=published")
    assert outcome.status == 0, outcome.err
    assert "patients unknown, leakage possible" in outcome.out
    assert os.listdir(tmp_path / "outputs")
