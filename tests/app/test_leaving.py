import os
import subprocess
import sys

import pytest

from medxpert.app.leaving import GRACE_SECONDS, Rooms
from medxpert.errors import ConfigError

_OTHER_SERVER = """
import sys
from pathlib import Path
from medxpert.app.leaving import Rooms
rooms = Rooms(Path(sys.argv[1]))
room = rooms.room("cafe", "one")
(room / "film.png").write_bytes(b"film")
print(room, flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def rooms(tmp_path):
    made = Rooms(tmp_path / "app" / "uploads")
    yield made
    made.close()


def test_only_the_owner_may_enter(tmp_path):
    (tmp_path / "uploads").mkdir(mode=0o755)
    rooms = Rooms(tmp_path / "uploads")
    room = rooms.room("cafe", "one")
    assert [oct(path.stat().st_mode & 0o777) for path in (rooms.folder, room)] == ["0o700", "0o700"]
    assert rooms.room("cafe", "one") == room
    rooms.close()


def test_a_session_that_stays_away_takes_its_folder_along(rooms):
    away, here = rooms.room("a", "away"), rooms.room("b", "here")
    for now in (0.0, GRACE_SECONDS - 1):
        rooms.sweep(lambda guest: guest == "here", now)
        assert away.is_dir()
    rooms.sweep(lambda guest: guest == "here", GRACE_SECONDS)
    assert not away.exists()
    assert here.is_dir()


def test_a_session_that_comes_back_keeps_its_folder(rooms):
    room = rooms.room("a", "one")
    rooms.sweep(lambda guest: False, 0.0)
    rooms.sweep(lambda guest: True, 100.0)
    rooms.sweep(lambda guest: False, GRACE_SECONDS + 50)
    assert room.is_dir()


def test_closing_leaves_nothing_of_this_server(rooms):
    rooms.room("a", "one")
    rooms.close()
    assert {path.name for path in rooms.folder.iterdir()} == {".lock"}


def test_the_next_server_removes_what_a_killed_one_left_and_nothing_of_one_that_runs(tmp_path):
    folder = tmp_path / "uploads"
    command = [sys.executable, "-c", _OTHER_SERVER, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        theirs = other.stdout.readline().strip()
        rooms = Rooms(folder)
        assert os.listdir(theirs) == ["film.png"]
        other.kill()
        other.wait()
    again = Rooms(folder)
    assert not os.path.exists(theirs)
    assert {path.name for path in folder.iterdir()} == {".lock", f".{rooms._server}", f".{again._server}"}
    for one in (rooms, again):
        one.close()


def test_links_lead_nowhere(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "uploads").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="is a link, and uploads are kept in the app's own folder only; remove it"):
        Rooms(tmp_path / "uploads")
    rooms = Rooms(tmp_path / "app")
    (rooms.folder / f"{rooms._server}-cafe").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="is a link"):
        rooms.room("cafe", "one")
    rooms.close()
    (rooms.folder / ".lock").unlink()
    (rooms.folder / ".lock").symlink_to(tmp_path / "elsewhere" / "file")
    with pytest.raises(ConfigError, match=r"cannot write .*; free the space or give another folder"):
        Rooms(tmp_path / "app")
    assert not os.listdir(tmp_path / "elsewhere")
