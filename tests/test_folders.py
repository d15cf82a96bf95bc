import errno
from pathlib import Path

import pytest

from medxpert.errors import ConfigError, DataError
from medxpert.folders import MANIFEST, atomic_file, atomic_folder, explained, read_json, seal, verified, write_json


def test_folder_appears_whole_and_replaces_the_old_one(tmp_path: Path):
    target = tmp_path / "index"
    for content in ("first", "second"):
        with atomic_folder(target) as sibling:
            (sibling / "file").write_text(content)
            assert not (target / "file").exists() or (target / "file").read_text() != content
    assert (target / "file").read_text() == "second"
    assert [path.name for path in tmp_path.iterdir()] == ["index"]


@pytest.mark.parametrize(("first_wins", "expected"), [(False, "mine"), (True, "theirs")])
def test_two_writers_of_one_folder(tmp_path: Path, first_wins: bool, expected: str):
    target = tmp_path / "store"
    with atomic_folder(target, first_wins) as mine:
        (mine / "file").write_text("mine")
        with atomic_folder(target, first_wins) as theirs:
            (theirs / "file").write_text("theirs")
            seal(theirs, {})
    assert (target / "file").read_text() == expected
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_failure_leaves_what_stood_there(tmp_path: Path):
    target = tmp_path / "index"
    with atomic_folder(target) as sibling:
        (sibling / "file").write_text("old")
    with pytest.raises(RuntimeError), atomic_folder(target) as sibling:
        (sibling / "file").write_text("new")
        raise RuntimeError
    assert (target / "file").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["index"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES])
def test_refusal_to_write_is_one_clear_line(tmp_path: Path, code: int):
    with (
        pytest.raises(ConfigError, match=r"cannot write .*index: .*; free the space"),
        atomic_folder(tmp_path / "index"),
    ):
        raise OSError(code, "No space left on device")
    assert not list(tmp_path.iterdir())


def test_a_lost_connection_is_no_fault_of_the_disk(tmp_path: Path):
    with pytest.raises(ConnectionResetError), explained(tmp_path):
        raise ConnectionResetError


def test_file_is_replaced_only_on_success(tmp_path: Path):
    target = tmp_path / "metrics.json"
    write_json(target, {"a": 1})
    with pytest.raises(RuntimeError), atomic_file(target) as sibling:
        sibling.write_text("half")
        raise RuntimeError
    assert read_json(target) == {"a": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.json"]


@pytest.mark.parametrize(("content", "message"), [(None, "is missing"), ("{", "cannot be read as JSON")])
def test_unreadable_json(tmp_path: Path, content: str | None, message: str):
    path = tmp_path / "x.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(DataError, match=message):
        read_json(path)


def flip_a_byte(folder: Path) -> None:
    data = bytearray((folder / "data").read_bytes())
    data[3] ^= 1
    (folder / "data").write_bytes(data)


def remove_a_file(folder: Path) -> None:
    (folder / "data").unlink()


def remove_the_manifest(folder: Path) -> None:
    (folder / MANIFEST).unlink()


def empty_the_manifest(folder: Path) -> None:
    (folder / MANIFEST).write_text("[]")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (flip_a_byte, "data is not what was written .*: rebuild it"),
        (remove_a_file, "data is missing; .*: rebuild it"),
        (remove_the_manifest, "half-written .*: rebuild it"),
        (empty_the_manifest, "manifest.json lists no files; .*: rebuild it"),
    ],
)
def test_damage_is_noticed(tmp_path: Path, damage, message: str):
    (tmp_path / "data").write_bytes(b"0123456789")
    seal(tmp_path, {"policy": "open"})
    assert verified(tmp_path)["policy"] == "open"
    damage(tmp_path)
    with pytest.raises(DataError, match=message):
        verified(tmp_path, cure="rebuild it")
