"""From a recording through the gate to text, whatever the recogniser does."""

import json
import logging
from dataclasses import dataclass, field

import numpy as np
import pytest
import soundfile

from medxpert.audit import KEY, LOG, Audit
from medxpert.errors import ConfigError, DataError, RemoteError
from medxpert.exchange import Heard
from medxpert.hearing import Hearing
from medxpert.reporting import Endpoint

LOCAL, ATTESTED, PUBLIC = (Endpoint(kind, f"the {kind} one") for kind in ("local", "attested", "public"))


@dataclass
class Listener:
    """Understands one text and remembers what it was sent."""

    endpoint: Endpoint = PUBLIC
    confirm_voice: bool = True
    text: str = "no effusion"
    name: str = "listener"
    model_id: str = "model-1"
    sent: list = field(default_factory=list)

    def __call__(self, sound):
        self.sent.append(sound.samples)
        if not self.text:
            raise RemoteError("the service is down; try again later")
        return Heard(self.text, 0.9)

    def payload(self, sound):
        return b"payload" + sound.samples.tobytes()


@pytest.fixture
def query(tmp_path):
    path = tmp_path / "query.wav"
    soundfile.write(path, 0.3 * np.sin(np.arange(16_000) / 5), 16_000)
    return path


@pytest.fixture
def audit(tmp_path):
    return Audit(tmp_path / "audit")


def noted(audit):
    return [json.loads(line) for line in (audit.folder / LOG).read_text().splitlines()]


@pytest.mark.parametrize("policy", ["open", "credentialed", "private"])
def test_what_stays_on_this_machine_is_heard_and_not_noted(audit, query, policy):
    listener = Listener(LOCAL, confirm_voice=False)
    assert Hearing(listener, audit).heard(query, policy) == Heard("no effusion", 0.9)
    assert len(listener.sent) == 1
    assert not audit.folder.exists()


@pytest.mark.parametrize(
    ("endpoint", "policy", "confirmed", "why"),
    [
        (PUBLIC, "private", True, "the recording is private; .*recogniser=grammar.*policy=open"),
        (PUBLIC, "credentialed", True, "the recording is credentialed"),
        (PUBLIC, "open", False, "a voice cannot be scrubbed.*recogniser.confirm_voice=true"),
        (ATTESTED, "private", False, "a voice cannot be scrubbed"),
        (ATTESTED, "open", False, "a voice cannot be scrubbed"),
    ],
)
def test_a_refusal_sends_nothing_and_is_noted(audit, query, endpoint, policy, confirmed, why):
    listener = Listener(endpoint, confirmed)
    with pytest.raises(RemoteError, match=f"nothing was sent to {endpoint.name}: .*{why}"):
        Hearing(listener, audit).heard(query, policy)
    assert listener.sent == []
    (line,) = noted(audit)
    assert (line["outcome"], line["action"], line["policy"]) == ("refused", "refuse", policy)
    assert line["payload"] is None


def test_a_service_that_cannot_say_what_it_would_send_gets_nothing(audit, query):
    class Secretive:
        endpoint, name, model_id, confirm_voice = PUBLIC, "secretive", "", True

        def __call__(self, sound):
            pytest.fail("was sent")

    with pytest.raises(RemoteError):
        Hearing(Secretive(), audit).heard(query, "open")
    assert [line["outcome"] for line in noted(audit)] == ["refused"]


@pytest.mark.parametrize(("endpoint", "policy"), [(PUBLIC, "open"), (ATTESTED, "private")])
def test_what_is_confirmed_is_sent_and_noted_before_and_after(audit, query, endpoint, policy):
    listener = Listener(endpoint)
    assert Hearing(listener, audit).heard(query, policy).text == "no effusion"
    before, after = noted(audit)
    assert (before["outcome"], after["outcome"]) == ("asked", "answered")
    assert before["payload"] == audit.digest(b"payload" + listener.sent[0].tobytes())
    assert before["content"] == audit.digest(listener.sent[0].tobytes())
    assert (before["reporter"], before["endpoint_kind"], before["policies"]) == (
        "listener",
        endpoint.kind,
        {"query": policy},
    )


def test_a_failure_is_noted_and_told(audit, query):
    with pytest.raises(RemoteError, match="is down"):
        Hearing(Listener(text=""), audit).heard(query, "open")
    assert [line["outcome"] for line in noted(audit)] == ["asked", "failed"]


def test_nothing_is_sent_where_nothing_can_be_noted(tmp_path, query):
    (tmp_path / "audit").write_text("a file")
    listener = Listener()
    with pytest.raises(ConfigError, match="audit log"):
        Hearing(listener, Audit(tmp_path / "audit")).heard(query, "open")
    assert listener.sent == []


def test_no_word_and_no_sample_is_logged_or_stored(audit, query, caplog, tmp_path):
    before = query.read_bytes()
    with caplog.at_level(logging.DEBUG):
        Hearing(Listener(), audit).heard(query, "open")
    assert caplog.text == ""
    assert {path.name for path in tmp_path.rglob("*")} == {"audit", LOG, KEY, "query.wav"}
    assert query.read_bytes() == before
    assert "effusion" not in (audit.folder / LOG).read_text()


def test_bad_recordings_and_policies_never_reach_the_recogniser(audit, query, tmp_path):
    listener = Listener(LOCAL)
    with pytest.raises(DataError, match="no such file"):
        Hearing(listener, audit).heard(tmp_path / "absent.wav", "open")
    with pytest.raises(ConfigError, match="policy"):
        Hearing(listener, audit).heard(query, "secret")
    assert listener.sent == []
