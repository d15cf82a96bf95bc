"""One command from studies to shards and a data report, which survives whatever happens on the way."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from medxpert.data.readers.shards import Shards
from medxpert.errors import ConfigError, DataError
from medxpert.images.files import ImageFile
from medxpert.preparation.build import Storage
from medxpert.preparation.prepare import prepare
from medxpert.words import SPLITS, Rejected, Study

OPTIONS = {"data.name": "test", "side": 32}
SMALL = Storage(32, "jpeg", 0.02)


def picture(path: Path, seed: int) -> Path:
    pixels = np.random.default_rng(seed).integers(0, 255, (40, 40), dtype=np.uint8)
    PIL.Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    return lambda name, seed: ImageFile(picture(folder / f"{name}.png", seed), "PA")


@pytest.fixture
def reader(pictures):
    """Return a reader of 40 training, 6 validation and 5 test studies with every kind of fault."""
    counts = {"train": 40, "val": 6, "test": 5}
    studies = {}
    for split, count in counts.items():
        for number in range(count):
            images = [pictures(f"{split}{number}", 1000 * SPLITS.index(split) + number)]
            text = f"Text {number % 30} of {split}."
            studies.setdefault(split, []).append(
                Study(f"{split}{number}", f"{split}p{number // 2}", tuple(images), text, policy="open", source="s")
            )
    train = studies["train"]
    train[1] = replaced(train[1], images=(*train[1].images, pictures("second", 77)))
    train[2].images[0].path.unlink()
    train[3].images[0].path.write_bytes(b"broken")
    train[4] = replaced(train[4], findings=" ")
    train[5] = replaced(train[5], images=(ImageFile(train[5].images[0].path.with_name("gone.png")), *train[5].images))
    picture(train[6].images[0].path, 2000)  # as the first test study
    listed = {split: [*own, Rejected(f"{split}.csv:9", "no image")] for split, own in studies.items()}
    return lambda split: iter(listed[split])


def replaced(study, **fields):
    from dataclasses import replace

    return replace(study, **fields)


REJECTED = {"no image": 3, "image missing": 2, "not an image": 1, "empty report": 1, "image stands in another split": 1}


def report_of(folder):
    return json.loads((folder / "data_report.json").read_text())


def ids(folder):
    shards = Shards(str(folder))
    return {split: [study.study_id for study in shards(split)] for split in SPLITS}


def test_report_counts_what_was_written_and_what_was_not(reader, tmp_path):
    out = tmp_path / "out"
    prepare(reader, SMALL, out, OPTIONS)
    report = report_of(out)
    assert {split: (one["studies"], one["images"], one["patients"]) for split, one in report["splits"].items()} == {
        "train": (36, 37, 19),
        "val": (6, 6, 3),
        "test": (5, 5, 3),
    }
    assert report["rejected"] == REJECTED
    assert report["leaks"] == {"patients": 0, "images": 1, "dropped": 1, "studies_without_patient": 0}
    assert report["listed"]["images"][0]["studies"] == ["train6", "test0"]
    assert (
        report["duplicates"]["texts"] == 47 - len({f"{n % 30} train" for n in range(40) if n not in (2, 3, 4, 6)}) - 11
    )
    train = report["splits"]["train"]["duplicates"]
    assert train["identity_recall@1_ceiling"] == pytest.approx(train["distinct"] / 36)
    with (out / "rejected.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == sum(REJECTED.values())
    assert {row["where"] for row in rows if row["split"] == "train"} == {
        *("train.csv:9", "train2", "train3", "train4", "train5", "train6")
    }
    assert {row["policy"] for row in rows} == {"open"}
    assert not (out / ".progress").exists()
    assert PIL.Image.open(out / "samples.png").width > 500
    for name in ("data_report.md", "data_report.html"):
        text = (out / name).read_text()
        assert "image stands in another split" in text
        assert "not for diagnosis" in text
    assert sorted(path.name for path in (out / "train").glob("shard-*"))[1] == "shard-00001.parquet"


def test_input_is_only_read(reader, tmp_path):
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in (tmp_path / "pictures").iterdir()}
    prepare(reader, SMALL, tmp_path / "out", OPTIONS)
    assert {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in (tmp_path / "pictures").iterdir()} == before


class Stop(Exception):
    pass


@pytest.mark.parametrize("stop_after", [1, 2, 4])
def test_an_interrupted_preparation_goes_on_behind_its_last_shard(reader, tmp_path, monkeypatch, stop_after):
    from medxpert.preparation import build

    whole, broken = tmp_path / "whole", tmp_path / "broken"
    prepare(reader, SMALL, whole, OPTIONS)
    real, written = build.write_shard, []

    def write(path, *arguments):
        if len(written) == stop_after:
            raise Stop
        written.append(path)
        real(path, *arguments)

    monkeypatch.setattr(build, "write_shard", write)
    with pytest.raises(Stop):
        prepare(reader, SMALL, broken, OPTIONS)
    assert not (broken / "manifest.json").exists()
    monkeypatch.setattr(build, "write_shard", lambda path, *rest: (written.append(path), real(path, *rest)))
    prepare(reader, SMALL, broken, OPTIONS)
    assert len(written) == len(set(written)) == len(list(whole.glob("*/shard-*")))
    assert ids(broken) == ids(whole)
    for path in whole.glob("*/*"):
        assert (broken / path.relative_to(whole)).read_bytes() == path.read_bytes(), path
    assert report_of(broken)["rejected"] == REJECTED


@pytest.mark.parametrize(
    ("damage", "again"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-9]), True),
        (lambda path: path.unlink(), True),
        (lambda path: (path.parent / ".shard-00009.abcd.parquet").touch(), False),
    ],
)
def test_a_damaged_shard_of_an_interrupted_preparation_is_made_again(
    reader, tmp_path, monkeypatch, caplog, damage, again
):
    from medxpert.preparation import prepare as module

    out = tmp_path / "out"
    monkeypatch.setattr(module, "write_manifest", lambda *_: (_ for _ in ()).throw(Stop))
    with pytest.raises(Stop):
        prepare(reader, SMALL, out, OPTIONS)
    damage(out / "train" / "shard-00000.parquet")
    monkeypatch.undo()
    prepare(reader, SMALL, out, OPTIONS)
    assert ("shard-00000.parquet is not what was written" in caplog.text) == again
    assert len(ids(out)["train"]) == len(set(ids(out)["train"])) == 36
    assert not list(out.glob("*/.*"))


def test_a_finished_preparation_is_verified(reader, tmp_path, caplog):
    caplog.set_level("INFO")
    out = tmp_path / "out"
    paths = prepare(reader, SMALL, out, OPTIONS)
    assert prepare(reader, SMALL, out, OPTIONS) == paths
    assert "is whole" in caplog.text
    shard = out / "val" / "shard-00000.parquet"
    data = bytearray(shard.read_bytes())
    data[100] ^= 1
    shard.write_bytes(data)
    with pytest.raises(DataError, match=r"val/shard-00000.parquet is missing or not what was written; remove"):
        prepare(reader, SMALL, out, OPTIONS)


def interrupted(reader, out, monkeypatch):
    from medxpert.preparation import prepare as module

    with monkeypatch.context() as patch:
        patch.setattr(module, "write_manifest", lambda *_: (_ for _ in ()).throw(Stop))
        with pytest.raises(Stop):
            prepare(reader, SMALL, out, OPTIONS)


@pytest.mark.parametrize("finished", [True, False])
def test_changed_options_are_refused(reader, tmp_path, monkeypatch, finished):
    out = tmp_path / "out"
    if finished:
        prepare(reader, SMALL, out, OPTIONS)
    else:
        interrupted(reader, out, monkeypatch)
    with pytest.raises(ConfigError, match="side=32, now side=64; give another output="):
        prepare(reader, SMALL, out, OPTIONS | {"side": 64})


def test_changed_input_is_refused_on_resume(reader, tmp_path, monkeypatch):
    out = tmp_path / "out"
    interrupted(reader, out, monkeypatch)

    def fewer(split):
        return list(reader(split))[1:]

    with pytest.raises(ConfigError, match="its input has changed since"):
        prepare(fewer, SMALL, out, OPTIONS)


def test_an_output_with_other_files_is_refused(reader, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.docx").touch()
    with pytest.raises(ConfigError, match=r"holds other files \(thesis.docx\)"):
        prepare(reader, SMALL, out, OPTIONS)
    with pytest.raises(ConfigError, match="is a file; give a folder"):
        prepare(reader, SMALL, out / "thesis.docx", OPTIONS)


def test_an_output_below_the_input_is_refused(reader, tmp_path):
    options = {"data.images": str(tmp_path / "pictures"), "side": 32}
    with pytest.raises(ConfigError, match=r"lies below .*pictures, which is read"):
        prepare(reader, SMALL, tmp_path / "pictures" / "shards", options)


def test_identical_images_fail_or_stay_where_the_user_says(reader, tmp_path):
    with pytest.raises(DataError, match="study train6 of train has an image that is identical to one of test"):
        prepare(reader, SMALL, tmp_path / "fail", OPTIONS, "fail")
    prepare(reader, SMALL, tmp_path / "keep", OPTIONS, "keep")
    assert "train6" in ids(tmp_path / "keep")["train"]
    assert report_of(tmp_path / "keep")["leaks"] == {
        "patients": 0,
        "images": 1,
        "dropped": 0,
        "studies_without_patient": 0,
    }


def test_too_many_rejected_where_the_user_says(reader, tmp_path, caplog):
    with pytest.raises(DataError, match=r"^6 of 53 studies cannot be used; .* more than max_rejected=0.1, see"):
        prepare(reader, SMALL, tmp_path / "out", OPTIONS, max_rejected=0.1)
    assert (tmp_path / "out" / "rejected.csv").is_file()
    prepare(reader, SMALL, tmp_path / "out", OPTIONS, max_rejected=0.2)
    assert "6 of 53 studies cannot be used; the commonest reason: no image (3)" in caplog.text


def test_unknown_patients_are_null(pictures, tmp_path):
    def read(split):
        return [
            Study(f"{split}{n}", "", (pictures(f"{split}{n}", 100 * SPLITS.index(split) + n),), "T") for n in range(3)
        ]

    prepare(read, SMALL, tmp_path / "out", OPTIONS)
    report = report_of(tmp_path / "out")
    assert report["leaks"]["patients"] is None
    assert report["splits"]["test"]["patients"] is None
    assert "one may stand in two splits, leakage is possible" in (tmp_path / "out" / "data_report.md").read_text()


def test_nothing_usable(tmp_path):
    def read(split):
        return [Rejected(f"{split} 1", "no image"), Study("s", "", (ImageFile(tmp_path / "gone.png"),), "Text.")]

    with pytest.raises(DataError, match="no study can be used; the first of 6 reasons: train 1: no image"):
        prepare(read, SMALL, tmp_path / "out", OPTIONS)
    with pytest.raises(DataError, match="the reader yielded nothing"):
        prepare(lambda split: [], SMALL, tmp_path / "empty", OPTIONS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"side": 8}, "side=8: expected 32 to 4096 pixels"),
        ({"format": "gif"}, "format=gif: expected jpeg or png"),
        ({"shard_mb": 0}, "shard_mb=0 must be above 0"),
    ],
)
def test_storage(arguments, message):
    with pytest.raises(ConfigError, match=message):
        Storage(**arguments)


def command(*arguments, cwd):
    return [sys.executable, "-m", "medxpert.prepare", *arguments], {"cwd": cwd, "env": environment()}


def environment():
    return os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}


@pytest.mark.slow
def test_kill_9_then_every_study_stands_once(tmp_path):
    arguments = ("data.num_studies=700", "data.side=64", "side=64", "shard_mb=0.05", f"output={tmp_path}/out")
    line, options = command(*arguments, cwd=tmp_path)
    process = subprocess.Popen(line, **options, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while len(list((tmp_path / "out").glob("train/shard-*"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "out" / "manifest.json").exists()
    done = subprocess.run(line, **options, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "going on with" in done.stderr
    from medxpert.data.readers.phantom import read

    for split, found in ids(tmp_path / "out").items():
        assert found == [study.study_id for study in partial(read, num_studies=700)(split)]


@pytest.mark.slow
def test_the_command_shows_the_report(tmp_path):
    line, options = command("data.num_studies=30", "data.side=64", "side=64", f"output={tmp_path}/out", cwd=tmp_path)
    done = subprocess.run(line, **options, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert re.search(r"\d+ studies, \d+ images prepared", done.stdout)
    assert "burned-in" not in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_the_command_needs_an_output(tmp_path):
    line, options = command("data.num_studies=30", cwd=tmp_path)
    done = subprocess.run(line, **options, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.strip() == "error: output= is missing; say where the shards go, such as output=shards"
