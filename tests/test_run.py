from pathlib import Path

import numpy as np
import pytest

from medxpert.cases import SCHEMA, Cases, encode_labels, write_cases
from medxpert.errors import ConfigError, DataError
from medxpert.run import finish_run, open_run, write_embeddings


def row(number: int) -> dict:
    blank = dict.fromkeys(SCHEMA.names, "")
    return blank | {
        "images": 1,
        "study_id": f"s{number}",
        "patient_id": f"p{number // 2}",
        "text": f"text {number}",
        "truth": '{"image": {"side": "left"}}' if number == 1 else None,
        "labels": encode_labels({"Pneumonia": 1} if number % 2 else {"No Finding": 1, "Edema": 0}),
        "thumbnail": bytes([number % 256]),
    }


def make_run(path: Path, count: int = 5) -> Path:
    path.mkdir(parents=True)
    write_cases(path / "cases", map(row, range(count)))
    arrays = {name: np.eye(count, 8, dtype=np.float16) for name in ("image", "text", "start_image", "start_text")}
    write_embeddings(path / "embeddings" / "test", arrays, path / "cases", {"policy": "open"})
    finish_run(path, {"policy": "open"})
    return path


def test_cases_round_trip_beyond_one_row_group(tmp_path: Path):
    write_cases(tmp_path / "cases", map(row, range(700)))
    cases = Cases(tmp_path / "cases")
    assert len(cases) == 700
    assert cases.study_ids[699] == "s699"
    assert cases.thumbnail(513) == bytes([513 % 256])
    assert cases.labels.shape == (700, 14)
    assert cases.labels_of(0) == {"No Finding": 1, "Edema": 0}
    assert cases.abnormal.tolist() == [bool(n % 2) for n in range(700)]
    assert cases.truths[:2] == [None, {"image": {"side": "left"}}]


def test_run_opens_by_path_name_and_latest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    first, second = make_run(tmp_path / "outputs" / "a"), make_run(tmp_path / "outputs" / "b")
    assert open_run(first).path == first
    assert open_run("a").path == first
    assert open_run("latest").path == second
    assert open_run("latest").embeddings("test").cases.study_ids[2] == "s2"


def test_a_users_file_called_latest_is_not_replaced(tmp_path: Path):
    (tmp_path / "latest").write_text("my notes")
    with pytest.raises(ConfigError, match=r"latest is not ours to replace"):
        make_run(tmp_path / "a")
    assert (tmp_path / "latest").read_text() == "my notes"


def test_folder_of_a_killed_process_is_no_split(tmp_path: Path):
    run = make_run(tmp_path / "a")
    (run / "embeddings" / "test").rename(run / "embeddings" / ".test.1")
    assert open_run(run).splits() == []


def test_latest_works_as_a_text_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(*args: object) -> None:
        raise OSError

    monkeypatch.setattr(Path, "symlink_to", refuse)
    run = make_run(tmp_path / "outputs" / "a")
    assert (tmp_path / "outputs" / "latest").read_text() == "a"
    assert open_run("latest", tmp_path / "outputs").path == run


def test_latest_stands_in_outputs_for_a_job_of_a_sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    job = make_run(tmp_path / "outputs" / "sweep" / "0")
    assert open_run("latest").path == job
    assert not (tmp_path / "outputs" / "sweep" / "latest").exists()


def test_run_that_does_not_exist_lists_what_does(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"run=gone does not exist; make one: python train.py"):
        open_run("gone", tmp_path)
    make_run(tmp_path / "there")
    with pytest.raises(ConfigError, match=r"run=gone does not exist; .* holds there"):
        open_run("gone", tmp_path)


def test_interrupted_run_is_refused(tmp_path: Path):
    (make_run(tmp_path / "a") / "provenance.json").unlink()
    with pytest.raises(DataError, match=r"is not complete .*interrupted"):
        open_run(tmp_path / "a")


def test_latest_does_not_move_before_a_run_is_complete(tmp_path: Path):
    make_run(tmp_path / "a")
    (tmp_path / "b").mkdir()
    assert open_run("latest", tmp_path).path == tmp_path / "a"


def test_split_that_was_not_embedded(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"split=val: .* holds test"):
        open_run(make_run(tmp_path / "a")).embeddings("val")


def test_flipped_byte_in_embeddings(tmp_path: Path):
    path = make_run(tmp_path / "a") / "embeddings" / "test" / "image.npy"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"image.npy is not what was written"):
        open_run(tmp_path / "a").embeddings("test")
