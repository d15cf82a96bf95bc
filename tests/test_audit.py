import errno
import hashlib
import hmac
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from medxpert.audit import FOLDER, KEY, LOG, Audit, Sending
from medxpert.errors import ConfigError
from medxpert.privacy import Decision
from medxpert.reporting import Endpoint

CONTENT = b"chest of Jane Doe"
SENDING = Sending("gemini", "some-model", "public", "Gemini API", "open", "send_scrubbed", True, CONTENT)
PLACE = Endpoint("attested", "Vertex project p in europe-west4")


class Writer:
    name, model_id, endpoint, send_image = "gemini", "some-model", PLACE, False

    def __call__(self, case):
        raise NotImplementedError


def lines(folder):
    return [json.loads(line) for line in (folder / LOG).read_text("utf-8").splitlines()]


def test_two_lines_tell_what_was_decided_and_what_came_of_it(tmp_path):
    audit = Audit(tmp_path)
    decision = Decision("send_scrubbed", False, "private", "because")
    policies = {"query": "private", "evidence": "open", "model": "open"}
    sending = Sending.of(Writer(), decision, CONTENT, b"what is sent", policies)
    audit.note(sending, "asked")
    audit.note(sending, "answered")
    asked, answered = lines(tmp_path)
    key = (tmp_path / KEY).read_bytes()
    assert asked.pop("time") <= answered.pop("time")
    assert answered == asked | {"outcome": "answered"}
    assert asked == {
        "outcome": "asked",
        "action": "send_scrubbed",
        "pixels": False,
        "policy": "private",
        "policies": policies,
        "reporter": "gemini",
        "model_id": "some-model",
        "endpoint_kind": "attested",
        "endpoint": "Vertex project p in europe-west4",
        "content": hmac.new(key, CONTENT, hashlib.sha256).hexdigest(),
        "payload": hmac.new(key, b"what is sent", hashlib.sha256).hexdigest(),
        "payload_bytes": 12,
    }


def test_time_is_utc(tmp_path):
    Audit(tmp_path).note(SENDING, "asked")
    assert lines(tmp_path)[0]["time"].endswith("+00:00")


def test_what_is_not_sent_has_no_size(tmp_path):
    Audit(tmp_path).note(SENDING, "refused")
    assert lines(tmp_path)[0]["payload"] is lines(tmp_path)[0]["payload_bytes"] is None


def test_nothing_of_the_content_is_written(tmp_path):
    Audit(tmp_path).note(SENDING, "refused")
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"Jane" not in written
    assert hashlib.sha256(CONTENT).hexdigest().encode() not in written


def test_equal_contents_have_equal_hashes_in_one_log_only(tmp_path):
    first, again, other = (Audit(tmp_path / name) for name in ("a", "a", "b"))
    assert first.digest(b"study 1") == again.digest(b"study 1") != first.digest(b"study 2")
    assert other.digest(b"study 1") != first.digest(b"study 1")


def test_only_the_owner_may_read(tmp_path):
    before = os.umask(0)
    try:
        Audit(tmp_path / "new" / "log").note(SENDING, "asked")
    finally:
        os.umask(before)
    folder = tmp_path / "new" / "log"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {KEY: 0o600, LOG: 0o600}


def test_the_environment_names_the_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv(FOLDER, raising=False)
    assert Audit().folder == tmp_path / ".local" / "state" / "medxpert"
    monkeypatch.setenv(FOLDER, "~/elsewhere")
    assert Audit().folder == tmp_path / "elsewhere"
    assert Audit(Path("here")).folder == Path("here")
    assert not list(tmp_path.iterdir())


def test_a_place_that_is_no_folder(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=rf"cannot write the audit log in .*file .*nothing is sent.* {FOLDER}"):
        Audit(tmp_path / "file").note(SENDING, "asked")


def test_a_line_of_another_process_that_comes_between_stays(tmp_path, monkeypatch):
    audit = Audit(tmp_path)
    audit.note(SENDING, "asked")
    whole = os.write

    def late(file, content):
        with (tmp_path / LOG).open("ab") as other:
            other.write(b'{"outcome": "of another"}\n')
        return whole(file, content)

    monkeypatch.setattr(os, "write", late)
    audit.note(SENDING, "answered")
    assert [line["outcome"] for line in lines(tmp_path)] == ["asked", "of another", "answered"]


@pytest.mark.parametrize("written", [0, 10])
def test_a_full_disk(tmp_path, monkeypatch, written):
    audit = Audit(tmp_path)
    audit.note(SENDING, "asked")
    whole = os.write

    def full(file, content):
        if not written:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return whole(file, content[:written])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(ConfigError, match="No space left on device"):
        audit.note(SENDING, "answered")
    monkeypatch.undo()
    audit.note(SENDING, "failed")
    whole_lines = [line for line in (tmp_path / LOG).read_text("utf-8").splitlines() if line.endswith("}")]
    assert [json.loads(line)["outcome"] for line in whole_lines] == ["asked", "failed"]


def test_a_disk_that_fills_while_the_key_is_made_leaves_no_key(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "write", lambda file, content: 3)
    with pytest.raises(ConfigError, match="No space left on device"):
        Audit(tmp_path).note(SENDING, "asked")
    assert not list(tmp_path.iterdir())


def test_a_damaged_key_is_not_used(tmp_path):
    (tmp_path / KEY).write_bytes(b"")
    with pytest.raises(ConfigError, match="expected 32 bytes, found 0; move it away"):
        Audit(tmp_path).note(SENDING, "asked")
    assert not (tmp_path / LOG).exists()


WRITES = """
import sys
from pathlib import Path
from medxpert.audit import Audit, Sending
audit = Audit(Path(sys.argv[1]))
sending = Sending("gemini", "m" * 5000, "public", "Gemini API", "open", "send_scrubbed", True, b"the same")
for _ in range(20):
    audit.note(sending, "asked")
"""


def test_processes_share_a_log_and_its_key(tmp_path):
    writers = [subprocess.Popen([sys.executable, "-c", WRITES, str(tmp_path / "log")]) for _ in range(3)]
    assert [writer.wait(timeout=60) for writer in writers] == [0, 0, 0]
    written = lines(tmp_path / "log")
    assert len(written) == 60
    assert len({line["content"] for line in written}) == 1
    assert sorted(path.name for path in (tmp_path / "log").iterdir()) == [LOG, KEY]
