import hashlib
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from app.test_content import archive, picture, sound
from trees import dicoms

from medxpert.app import uploads
from medxpert.app.opening import Settings
from medxpert.app.uploads import keep_image, keep_sound
from medxpert.errors import DataError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return the app's folder, for a session without a browser."""
    now = Settings("latest", tmp_path / "app", "private", 6, 1, 2, None, None)
    monkeypatch.setattr(uploads, "settings", lambda: now)
    monkeypatch.setattr(st, "session_state", {})
    uploads._rooms.cache_clear()
    yield tmp_path / "app"
    uploads._rooms((tmp_path / "app").resolve() / "uploads").close()
    uploads._rooms.cache_clear()


def files(folder):
    return [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")]


def test_an_image_lies_under_the_name_of_its_content(folder):
    content = picture("PNG")
    kept = keep_image("../../<b>film</b>.jpg", content)
    digest = hashlib.sha256(content).hexdigest()
    assert kept == (kept.path, "b>.jpg", digest)
    assert kept.path.name == f"{digest}.png"
    assert kept.path.read_bytes() == content
    assert kept.path.parents[2] == folder
    assert kept.path.stat().st_mode & 0o077 == 0


def test_the_same_content_is_written_once(folder):
    first = keep_image("a.png", picture("PNG"))
    written = first.path.stat().st_mtime_ns
    again = keep_image("b.png", picture("PNG"))
    assert (again.path, again.name) == (first.path, "b.png")
    assert first.path.stat().st_mtime_ns == written
    assert len(files(folder)) == 1


def test_sessions_have_folders_of_their_own(folder, monkeypatch):
    one = keep_image("a.png", picture("PNG"))
    monkeypatch.setattr(st, "session_state", {})
    other = keep_image("a.png", picture("PNG"))
    assert one.path.parent != other.path.parent
    assert one.path.name == other.path.name


def test_a_dicom_without_preamble_can_be_opened_afterwards(folder, tmp_path):
    dicoms.write(tmp_path / "a.dcm", np.zeros((32, 24), np.uint8))
    assert keep_image("a.dicom", (tmp_path / "a.dcm").read_bytes()[132:]).path.suffix == ".dcm"


def test_what_lies_behind_a_picture_is_never_read(folder):
    kept = keep_image("a.png.zip", picture("PNG") + archive() + b"<script>alert(1)</script>")
    assert kept.path.suffix == ".png"


@pytest.mark.parametrize("cut", [0.5, 0.9])
def test_a_truncated_jpeg_is_refused_by_its_name_alone(folder, cut):
    whole = picture("JPEG", 400)
    with pytest.raises(
        DataError, match=r"^film\.jpg: expected a whole picture, found a broken one .*; export it"
    ) as error:
        keep_image("/home/film.jpg", whole[: int(len(whole) * cut)])
    assert str(folder) not in str(error.value)
    assert files(folder) == []


def test_too_large_in_bytes_and_in_pixels(folder):
    with pytest.raises(DataError, match="expected at most 1 MB, found 2 MB"):
        keep_image("a.png", bytes(2 << 20))
    with pytest.raises(DataError, match="expected at most 1 MB"):
        keep_sound("a.wav", bytes(2 << 20))
    with pytest.raises(DataError, match="expected at most 2 megapixels"):
        keep_image("a.png", picture("PNG", 1500))
    assert files(folder) == []


def test_a_session_keeps_only_so_many(folder, monkeypatch):
    monkeypatch.setattr(uploads, "MOST_FILES", 1)
    keep_image("a.png", picture("PNG"))
    keep_image("b.png", picture("PNG"))
    with pytest.raises(DataError, match="expected at most 1 uploads; reload the page"):
        keep_image("c.png", picture("PNG", 50))


def test_a_recording(folder):
    pytest.importorskip("soundfile")
    assert keep_sound("a.bin", sound()).path.suffix == ".wav"
    with pytest.raises(DataError, match=r"^cut\.wav: expected a recording") as error:
        keep_sound("cut.wav", sound()[:30])
    assert str(folder) not in str(error.value)
    assert [path.suffix for path in files(folder)] == [".wav"]


def test_nothing_is_written_through_a_link(folder, tmp_path):
    kept = keep_image("a.png", picture("PNG"))
    target = tmp_path / "outside.png"
    kept.path.unlink()
    kept.path.symlink_to(target)
    assert keep_image("a.png", picture("PNG")).path.read_bytes() == picture("PNG")
    assert not target.exists()
    assert not Path(kept.path).is_symlink()
