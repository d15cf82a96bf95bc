import hashlib
import json
import os
import time

import pytest

from medxpert import checksums
from medxpert.checksums import known_sha256, sha256
from medxpert.errors import DataError
from medxpert.folders import seal, verified

LARGE = 1 << 20
OLD_NS = 10_000_000_000


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MEDXPERT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("MEDXPERT_VERIFY", raising=False)
    monkeypatch.setattr(checksums, "_SETTLED_SECONDS", 0.0)
    return tmp_path / "cache" / "checksums"


@pytest.fixture
def reads(monkeypatch):
    """Count how often a file is read through."""
    paths = []
    monkeypatch.setattr(checksums, "sha256", lambda path: paths.append(path) or sha256(path))
    return paths


def large(folder, name="weights", filling=b"a"):
    path = folder / name
    path.write_bytes(filling * LARGE)
    return path


def test_an_untouched_file_is_read_once(tmp_path, cache, reads):
    path = large(tmp_path)
    assert {known_sha256(path) for _ in range(3)} == {hashlib.sha256(b"a" * LARGE).hexdigest()}
    assert len(reads) == 1
    assert [set(json.loads(one.read_text())) for one in cache.iterdir()] == [{"state", "sha256"}]
    assert "weights" not in next(cache.iterdir()).name


def overwrite(path):
    with path.open("r+b") as file:
        file.write(b"b")


def overwrite_and_hide(path):
    times = path.stat()
    overwrite(path)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def replace(path):
    times = path.stat()
    other = large(path.parent, "other", b"b")
    os.utime(other, ns=(times.st_atime_ns, times.st_mtime_ns))
    other.replace(path)


@pytest.mark.parametrize("change", [overwrite, overwrite_and_hide, replace, os.utime])
def test_a_touched_file_is_read_again(tmp_path, cache, reads, change):
    path = large(tmp_path)
    known_sha256(path)
    time.sleep(0.02)
    change(path)
    assert known_sha256(path) == sha256(path)
    assert len(reads) == 2


def test_what_the_disk_lost_is_found_when_all_is_read(tmp_path, cache, monkeypatch):
    path = large(tmp_path)
    known_sha256(path)
    memory = next(cache.iterdir())
    memory.write_text(memory.read_text().replace(sha256(path), "0" * 64))
    assert known_sha256(path) == "0" * 64
    monkeypatch.setenv("MEDXPERT_VERIFY", "full")
    assert known_sha256(path) == sha256(path)


def test_a_file_that_was_just_written_is_not_believed(tmp_path, cache, reads, monkeypatch):
    monkeypatch.setattr(checksums, "_SETTLED_SECONDS", 60.0)
    path = large(tmp_path)
    assert known_sha256(path) == known_sha256(path)
    assert len(reads) == 2


def test_small_files_are_always_read(tmp_path, cache, reads):
    path = tmp_path / "small"
    path.write_bytes(b"a")
    assert known_sha256(path) == known_sha256(path)
    assert len(reads) == 2
    assert not cache.exists()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"state": 1, "sha256": "0"}'])
def test_a_broken_memory_is_no_memory(tmp_path, cache, text):
    path = large(tmp_path)
    known_sha256(path)
    next(cache.iterdir()).write_text(text)
    assert known_sha256(path) == sha256(path)


def test_nowhere_to_remember_is_no_failure(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("MEDXPERT_CACHE", str(tmp_path / "file"))
    path = large(tmp_path)
    assert known_sha256(path) == sha256(path)


def test_a_sealed_folder_that_changed_is_refused_though_it_was_right_before(tmp_path, cache):
    folder = tmp_path / "index"
    folder.mkdir()
    path = large(folder)
    seal(folder, {})
    verified(folder)
    time.sleep(0.02)
    overwrite_and_hide(path)
    with pytest.raises(DataError, match="weights is not what was written"):
        verified(folder)
