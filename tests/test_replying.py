"""From a question through the gate to a checked reply, whatever the model does."""

import json
from dataclasses import dataclass, field

import pytest

from medxpert.audit import LOG, Audit
from medxpert.errors import RemoteError
from medxpert.exchange import Question, Reply
from medxpert.gating import DRY_RUN, Circumstances, Gate
from medxpert.ontology import OBSERVATIONS
from medxpert.replying import Replying
from medxpert.reporters.template import TemplateReporter
from medxpert.reporting import Case, Endpoint, Verdict
from medxpert.words import Hit

OPEN = Circumstances("open", "open", "open", b"pixels")
ASKED = Question("Does Mr. Smith have edema?", "presence", ("Edema",))
HITS = tuple(Hit(n, 0.9, f"secret-{n}", f"patient-{n}", "Edema.", {"Edema": 1}, n) for n in (1, 2))
CASE = Case(
    tuple(
        Verdict(name, "present", 0.9, scores={"probe": 0.9}, cases=("secret-1", "secret-2"))
        if name == "Edema"
        else Verdict(name, "absent", 0.01, scores={"probe": 0.01})
        for name in OBSERVATIONS
    ),
    HITS,
    "One radiograph.",
)


@dataclass
class Remote:
    """A service that answers what it is told and remembers what it was sent."""

    told: Reply | None = None
    dry_run: bool = False
    endpoint: Endpoint = Endpoint("public", "public")  # noqa: RUF009
    send_image: bool = False
    name: str = "remote"
    model_id: str = "model-1"
    sent: list = field(default_factory=list)

    def __call__(self, case):
        raise NotImplementedError

    preview = tokens = __call__

    def answer(self, case, question):
        self.sent.append((case, question))
        if self.told is None:
            raise RemoteError("the service is down; try again later")
        return self.told

    def preview_question(self, case, question):
        return f"{question.text} {case.hits[0].study_id}"


def said(answer, value="", evidence=("case-2",)):
    return Reply("?", answer, None, evidence, True, "remote", value)


@pytest.fixture
def audit(tmp_path):
    return Audit(tmp_path / "audit")


def test_offline_reporters_leave_the_answer_to_the_evidence(audit):
    reply = Replying(Gate(TemplateReporter(), audit)).reply(ASKED, CASE, OPEN, None)
    assert (reply.value, reply.reporter, reply.fallback_reason) == ("yes", "template", "")


def test_a_model_sees_aliases_and_no_name_and_its_answer_bears_the_ids(audit):
    remote = Remote(said("Yes, there is pulmonary edema, as in case-2.", "yes"))
    reply = Replying(Gate(remote, audit)).reply(ASKED, CASE, OPEN, None)
    ((case, question),) = remote.sent
    assert question.text == "Does Mr. [name] have edema?"
    assert [hit.study_id for hit in case.hits] == ["case-1", "case-2"]
    assert (reply.question, reply.value, reply.reporter) == (ASKED.text, "yes", "remote")
    assert reply.evidence == ("secret-2",)
    assert "secret-2" in reply.answer
    assert reply.confidence == pytest.approx(0.9, abs=0.01)
    outcomes = [json.loads(line)["outcome"] for line in (audit.folder / LOG).read_text().splitlines()]
    assert outcomes == ["asked", "answered"]


def test_a_model_that_contradicts_the_evidence_is_marked(audit):
    remote = Remote(said("No, there is no pulmonary edema.", "no"))
    reply = Replying(Gate(remote, audit)).reply(ASKED, CASE, OPEN, None)
    assert reply.problems
    assert "[unsupported]" in reply.answer


def test_nothing_is_sent_of_a_private_image(audit):
    remote = Remote(said("Yes.", "yes"))
    reply = Replying(Gate(remote, audit)).reply(ASKED, CASE, OPEN._replace(query="private"), None)
    assert remote.sent == []
    assert (reply.value, reply.reporter) == ("yes", "template")
    assert "nothing was sent" in reply.fallback_reason


def test_a_service_that_fails_leaves_the_offline_answer(audit):
    reply = Replying(Gate(Remote(), audit)).reply(ASKED, CASE, OPEN, None)
    assert (reply.value, reply.fallback_reason) == ("yes", "the service is down; try again later")


def test_a_dry_run_shows_what_would_be_sent(audit):
    remote, shown = Remote(dry_run=True), []
    reply = Replying(Gate(remote, audit, show=shown.append)).reply(ASKED, CASE, OPEN, None)
    assert shown == ["Does Mr. [name] have edema? case-1"]
    assert (remote.sent, reply.fallback_reason) == ([], DRY_RUN)


@pytest.mark.parametrize(
    "question",
    [
        Question("How old is he?", "other", reason="an image does not tell the age"),
        Question("Is the edema new?", "change", ("Edema",)),
    ],
)
def test_what_one_film_cannot_tell_is_asked_of_nobody(audit, question):
    remote = Remote(said("Surely.", ""))
    reply = Replying(Gate(remote, audit)).reply(question, CASE, OPEN, None)
    assert (remote.sent, reply.answerable) == ([], False)
