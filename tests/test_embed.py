"""python -m medxpert.embed: in parts, killed and begun again, and with studies that are added to a run."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import medxpert.embed
from medxpert.config.settings import Settings
from medxpert.folders import read_json, verified
from medxpert.indexes.gallery import Gallery
from medxpert.indexes.joined import cases_digests
from medxpert.indexes.own import NOBODY
from medxpert.indexing import Work, embed_again
from medxpert.run import open_run

NEW = ("data=phantom", "data.num_studies=60", "data.side=64", "data.seed=7", "prefix=b")
FLAT, IVF = "medxpert.indexes.flat.FlatIndex", "medxpert.indexes.ivf.IVFIndex"
ROOT = Path(__file__).parents[1]


@pytest.fixture
def embed(monkeypatch, capsys):
    """Call the command in this process; return status, stdout and stderr."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["embed.py", *arguments])
        status = 0
        try:
            medxpert.embed.main()
        except SystemExit as ended:
            status = ended.code
        return status, *capsys.readouterr()

    return call


def rows(run, split="train"):
    held = run.embeddings(split)
    return np.array(held.image), np.array(held.text)


def test_parts_are_merged_by_the_last_and_leave_nothing(copied_run, embed):
    run, before = open_run(copied_run), verified(copied_run / "index")
    image, text = rows(run)
    arguments = (f"run={copied_run}", "shard_studies=50")
    status, out, err = embed(*arguments, "part=1/2")
    assert (status, out) == (0, "")
    assert "part 1/2 is done; " in err
    assert verified(copied_run / "index") == before
    names = {path.name for path in (copied_run / ".parts").iterdir()}
    # train has three shards, which leaves every second one of the others to this part
    assert {name.partition("-")[0] for name in names} == {"train", "test"}
    status, out, err = embed(*arguments, "part=2/2", "index=ivf")
    assert status == 0
    assert verified(copied_run / "index")["index"] == "medxpert.indexes.ivf.IVFIndex"
    assert "embedded again" in out
    assert not (copied_run / ".parts").exists()
    for now, then in zip(rows(run), (image, text), strict=True):
        np.testing.assert_allclose(now, then, atol=2e-3)
    assert run.embeddings("val", starting=True).image.shape == rows(run, "val")[0].shape


def test_an_index_made_again_is_of_the_kind_that_was_chosen_last(copied_run, embed):
    run = f"run={copied_run}"
    assert embed(run, "index=ivf", "index.recall=0.9")[0] == 0
    chosen = verified(copied_run / "index")
    (copied_run / "index" / "image.index").write_bytes(b"broken")
    assert embed(run)[0] == 0
    assert verified(copied_run / "index") == chosen
    assert chosen["chosen"]["recall"] == 0.9
    (copied_run / "index" / "manifest.json").write_text("{")  # the provenance knows it, too
    status, out, _ = embed(run)
    assert status == 0
    assert "IVFIndex: " in out
    assert verified(copied_run / "index") == chosen
    assert embed(run, "index=flat")[0] == embed(run)[0] == 0
    assert verified(copied_run / "index")["index"] == "medxpert.indexes.flat.FlatIndex"


@pytest.mark.parametrize("late", [False, True], ids=["when all shards were there", "while the last was made"])
@pytest.mark.parametrize(
    ("words", "other", "status"),
    [(("index=ivf",), FLAT, 2), (("index=ivf",), IVF, 0), (("index=ivf", "index.recall=0.9"), IVF, 2), ((), IVF, 0)],
)
def test_where_another_process_was_faster_the_index_asked_for_decides(
    copied_run, embed, monkeypatch, words, other, status, late
):
    before, ours = verified(copied_run / "index"), Work.embed

    def overtaken(work, sources):
        there = ours(work, sources)
        monkeypatch.setattr(Work, "embed", ours)
        embed_again(work, Settings({"_target_": other}, "index"))
        return there and not late

    monkeypatch.setattr(Work, "embed", overtaken)
    ended, out, err = embed(f"run={copied_run}", *words)
    assert (ended, out.count("embedded again")) == (status, 1)
    assert ("error: index= was not made: another process" in err) == bool(status)
    assert "another process has merged the shards" in err or status
    assert verified(copied_run / "index") != before
    assert verified(copied_run / "index")["index"] == other


def test_a_database_that_was_chosen_is_found_from_another_folder(copied_run, embed, monkeypatch, tmp_path):
    pytest.importorskip("milvus_lite")
    for name, words in (("here", ("index=milvus", "index.uri=cases.db")), ("there", ())):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        assert embed(f"run={copied_run}", *words)[0] == 0
        assert verified(copied_run / "index")["chosen"]["uri"] == str(tmp_path / "here" / "cases.db")
    assert list((tmp_path / "there").iterdir()) == []


def test_a_damaged_addition_is_told_before_anything_is_embedded(copied_run, embed, monkeypatch):
    run = f"run={copied_run}"
    assert embed(run, *NEW)[0] == 0
    (copied_run / "added" / "1" / "image.npy").write_bytes(b"broken")
    monkeypatch.setattr("medxpert.indexing.Work.data", lambda *_: pytest.fail("data were read"))
    status, _, err = embed(run)
    assert status == 3
    assert "added/1; then this command again, and after it the command that added its studies" in err


@pytest.mark.parametrize("word", ["part=3/2", "prefix=b", "run=/nowhere"])
def test_keys_are_refused_before_torch_is_loaded(word):
    words = f"import sys; sys.argv = ['embed.py', {word!r}]; from medxpert.embed import main"
    code = f"{words}\ntry:\n    main()\nfinally:\n    print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=_environment(), capture_output=True, text=True)
    assert (done.returncode, done.stdout.split()) == (2, ["False"])
    assert word.partition("=")[0] in done.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("part=3/2",), "part=3/2"),
        (("shard_studies=0",), "shard_studies=0"),
        (("splits=val", "data=phantom"), "splits=val"),
        (("prefix=b",), "prefix= is about studies that are added; give data="),
        (("index=ivf", "data=phantom"), "index= makes the whole index again"),
        (("index=ivf", "index.recall=2"), "index.recall=2"),
    ],
)
def test_what_cannot_be_honoured(copied_run, embed, arguments, told):
    status, _, err = embed(f"run={copied_run}", *arguments)
    assert status == 2
    assert told in err
    assert not (copied_run / ".parts").exists()


def test_studies_are_added_found_and_noted(copied_run, embed):
    run, metrics = open_run(copied_run), (copied_run / "metrics.json").read_bytes()
    count, calibration = verified(run.index)["count"], verified(run.calibration)
    kept = rows(run)
    status, out, _ = embed(f"run={copied_run}", *NEW)
    assert status == 0
    run = open_run(copied_run)
    index = verified(run.index)
    new = index["count"] - count
    assert new > 20
    assert f"Index: {index['count']} studies." in out
    assert (
        run.provenance["added"][0] | {"name": "1", "data": "phantom", "prefix": "b", "studies": new}
        == run.provenance["added"][0]
    )
    assert (run.splits(), verified(run.calibration)) == (["test", "test_shift", "train", "val"], calibration)
    assert (copied_run / "metrics.json").read_bytes() == metrics
    np.testing.assert_array_equal(rows(run), kept)
    gallery = Gallery(run, index["encoder"])
    query = np.asarray(gallery.vectors.image[np.array([count + new - 1])], np.float32)[0]
    hits = gallery.evidence(query, 10, NOBODY)
    assert any(hit.row >= count and hit.study_id.startswith("b/p") for hit in hits)
    measured = Gallery(run, index["encoder"], as_trained=True).evidence(query, 10, NOBODY)
    assert all(hit.row < count for hit in measured)
    assert gallery.cases.thumbnail(index["count"] - 1)[:2] == b"\xff\xd8"

    again = embed(f"run={copied_run}", *NEW)
    assert (again[0], verified(run.index)) == (0, index)
    assert "in the gallery already" in again[1]
    assert "Nothing is new" in again[1]

    # made again, the index still has them
    assert embed(f"run={copied_run}")[0] == 0
    assert verified(run.index)["count"] == index["count"]
    assert verified(run.index)["added"] == ["1"]


def test_an_addition_that_was_killed_before_the_index_is_finished_by_the_same_command(copied_run, embed, monkeypatch):
    before = verified(copied_run / "index")
    assert before["cases"] == cases_digests([copied_run / "embeddings" / "train"])
    with monkeypatch.context() as patch:
        patch.setattr("medxpert.galleries.adding.add_to_index", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        assert embed(f"run={copied_run}", *NEW)[0] == 130
    assert verified(copied_run / "index") == before
    assert embed(f"run={copied_run}", *NEW)[0] == 0
    assert verified(copied_run / "index")["added"] == ["1"]
    assert [path.name for path in (copied_run / "added").iterdir()] == ["1"]
    path = copied_run / "provenance.json"
    path.write_text(json.dumps({name: told for name, told in read_json(path).items() if name != "added"}))
    assert embed(f"run={copied_run}", *NEW)[0] == 0
    assert len(read_json(path)["added"]) == 1


@pytest.mark.slow
def test_two_processes_of_torchrun_make_the_same(copied_run, tmp_path):
    run = open_run(copied_run)
    before = rows(run)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2", "--master_port=0"]
    words = [*torchrun, "-m", "medxpert.embed", f"run={copied_run}", "shard_studies=20"]
    done = subprocess.run(words, cwd=tmp_path, env=_environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("embedded again") == 1
    assert "rank 1: part 2/2 embedded train 20..39" in done.stderr
    assert not (copied_run / ".parts").exists()
    for now, then in zip(rows(run), before, strict=True):
        np.testing.assert_allclose(now, then, atol=2e-3)


@pytest.mark.slow
def test_a_killed_process_goes_on_behind_its_last_shard(copied_run, tmp_path):
    words = [sys.executable, "-m", "medxpert.embed", f"run={copied_run}", "shard_studies=2"]
    before, sealed = verified(copied_run / "index"), copied_run / ".parts"
    process = subprocess.Popen(words, cwd=tmp_path, env=_environment(), stderr=subprocess.DEVNULL)
    end = time.monotonic() + 120
    while len(list(sealed.glob("train-*/*/manifest.json"))) < 5:
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = {path: path.stat().st_mtime_ns for path in sealed.glob("*/*/manifest.json")}
    assert verified(copied_run / "index") == before
    done = subprocess.run([*words, "part=1/2"], cwd=tmp_path, env=_environment(), capture_output=True, text=True)
    assert "are there already" in done.stderr
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    done = subprocess.run(words, cwd=tmp_path, env=_environment(), capture_output=True, text=True)
    assert (done.returncode, sealed.exists()) == (0, False), done.stderr[-3000:]
    after = verified(copied_run / "index")
    assert (after["count"], after["encoder"]) == (before["count"], before["encoder"])


def _environment():
    return os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
