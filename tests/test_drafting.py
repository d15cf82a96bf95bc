"""From a case through the gate to a report, whatever the reporter does."""

import json
from dataclasses import dataclass, field

import numpy as np
import pytest

from medxpert.audit import KEY, LOG, Audit
from medxpert.drafting import Drafting
from medxpert.errors import ConfigError, RemoteError
from medxpert.gating import DRY_RUN, Circumstances, Gate
from medxpert.ontology import OBSERVATIONS
from medxpert.reporters.template import TemplateReporter
from medxpert.reporting import Case, Draft, Endpoint, Finding, Verdict
from medxpert.words import Hit

OPEN = Circumstances("open", "open", "open", b"pixels")
PUBLIC, ATTESTED, LOCAL = (Endpoint(kind, kind) for kind in ("public", "attested", "local"))
HITS = tuple(
    Hit(n, 0.9, f"secret-{n}", f"patient-{n}", f"Report of secret-{n}, seen on 12/03/2019.", {"Edema": 1}, n)
    for n in (1, 2)
)


def case(**changes):
    verdicts = tuple(
        Verdict(name, "present", 0.9, scores={"probe": 0.9}, cases=("secret-1", "secret-2"))
        if name == "Edema"
        else Verdict(name, "absent", 0.01, scores={"probe": 0.01})
        for name in OBSERVATIONS
    )
    return Case(**({"verdicts": verdicts, "hits": HITS, "technique": "One radiograph."} | changes))


@dataclass
class Remote:
    """A service that writes what it is told and remembers what it was sent."""

    endpoint: Endpoint = PUBLIC
    draft: Draft | None = None
    send_image: bool = False
    dry_run: bool = False
    name: str = "remote"
    model_id: str = "model-1"
    sent: list[Case] = field(default_factory=list)

    def __call__(self, case):
        self.sent.append(case)
        if self.draft is None:
            raise RemoteError("the service is down; try again later")
        return self.draft

    def preview(self, case):
        return " ".join([case.hits[0].text, case.hits[0].study_id, str(case.pixels is not None)])

    def tokens(self, case):
        return len(case.hits[0].text)


EDEMA = Draft((Finding("Edema", "present", "There is pulmonary edema.", evidence=("case-2",)),), ("Pulmonary edema.",))


@pytest.fixture
def audit(tmp_path):
    return Audit(tmp_path / "audit")


def noted(audit):
    return [json.loads(line) for line in (audit.folder / LOG).read_text().splitlines()]


def test_template_writes_a_report_whose_findings_are_supported_and_nothing_is_noted(audit):
    report = Drafting(Gate(TemplateReporter(), audit)).report(case(), Circumstances("private", "open", "open", b""))
    assert (report.reporter, report.fallback_reason, report.problems) == ("template", "", ())
    assert {finding.support for finding in report.findings} == {"supported"}
    assert report.provenance["gate"].endswith("nothing leaves this machine")
    assert report.provenance["scores"]["Edema"] == {"probe": 0.9}
    assert not audit.folder.exists()


def test_a_public_service_gets_aliases_and_no_dates_and_its_citations_come_back(audit):
    remote = Remote(draft=EDEMA)
    report = Drafting(Gate(remote, audit)).report(case(pixels=np.zeros((8, 8), np.uint8)), OPEN)
    assert report.reporter == "remote"
    assert report.findings[0].evidence == ("secret-2",)
    (sent,) = remote.sent
    assert sent.pixels is None
    assert [hit.study_id for hit in sent.hits] == ["case-1", "case-2"]
    assert "secret" not in repr(sent)
    assert "2019" not in repr(sent)
    assert [line["outcome"] for line in noted(audit)] == ["asked", "answered"]


def test_what_goes_to_this_machine_is_not_scrubbed(audit):
    remote = Remote(LOCAL, EDEMA, send_image=True)
    Drafting(Gate(remote, audit)).report(case(pixels=np.zeros((8, 8), np.uint8)), OPEN._replace(query="private"))
    assert remote.sent[0].hits == HITS
    assert remote.sent[0].pixels is not None


@pytest.mark.parametrize("whose", ["query", "evidence", "model"])
def test_a_refusal_sends_nothing_and_the_template_writes_with_the_reason(audit, whose):
    remote = Remote(draft=EDEMA)
    report = Drafting(Gate(remote, audit)).report(case(), OPEN._replace(**{whose: "credentialed"}))
    assert remote.sent == []
    assert report.reporter == "template"
    assert report.findings
    assert "credentialed" in report.fallback_reason
    assert "attested_endpoint" in report.fallback_reason
    assert report.provenance["reporter_asked"] == "remote"
    assert [(line["outcome"], line["action"]) for line in noted(audit)] == [("refused", "refuse")]


def test_a_service_that_fails_leaves_the_template_report_with_its_reason(audit):
    report = Drafting(Gate(Remote(), audit)).report(case(), OPEN)
    assert (report.reporter, report.fallback_reason) == ("template", "the service is down; try again later")
    assert [line["outcome"] for line in noted(audit)] == ["asked", "failed"]


def test_a_service_that_fails_three_times_is_asked_no_more(audit):
    remote = Remote()
    drafting = Drafting(Gate(remote, audit))
    reasons = [drafting.report(case(), OPEN).fallback_reason for _ in range(5)]
    assert len(remote.sent) == 3
    assert reasons[2:] == [reasons[0], *["remote failed 3 times in a row"] * 2]
    remote.draft, remote.sent = EDEMA, []
    drafting = Drafting(Gate(remote, audit))
    for draft in (None, None, EDEMA, None, None, EDEMA):
        remote.draft = draft
        drafting.report(case(), OPEN)
    assert len(remote.sent) == 6


@pytest.mark.parametrize(
    ("send", "burned_in", "confirmed", "expected"),
    [
        (True, "NO", False, True),
        (True, "", False, False),
        (True, "", True, True),
        (True, "YES", True, False),
        (False, "NO", True, False),
    ],
)
def test_pixels_leave_only_where_no_text_is_burned_in(audit, send, burned_in, confirmed, expected):
    remote = Remote(ATTESTED, EDEMA, send_image=send)
    drafting = Drafting(Gate(remote, audit, confirm_no_text=confirmed))
    report = drafting.report(case(pixels=np.zeros((8, 8), np.uint8)), OPEN._replace(burned_in=burned_in))
    assert (remote.sent[0].pixels is not None) == expected
    assert report.provenance["pixels_sent"] == expected


def test_dry_run_shows_what_would_be_sent_and_sends_nothing(audit):
    shown = []
    remote = Remote(draft=EDEMA, dry_run=True)
    report = Drafting(Gate(remote, audit, show=shown.append)).report(case(), OPEN)
    assert shown == ["Report of [id], seen on [date]. case-1 False"]
    assert (remote.sent, report.fallback_reason, report.reporter) == ([], DRY_RUN, "template")
    Drafting(Gate(remote, audit, show=shown.append)).report(case(), OPEN._replace(query="private"))
    assert "nothing was sent" in shown[1]


def test_tokens_are_those_of_what_would_be_sent(audit):
    assert Drafting(Gate(Remote(), audit)).gate.tokens(case(), OPEN) == len("Report of [id], seen on [date].")
    assert Drafting(Gate(Remote(), audit)).gate.tokens(case(), OPEN._replace(model="private")) == 0
    assert Drafting(Gate(TemplateReporter(), audit)).gate.tokens(case(), OPEN) == 0


def lie(**changes):
    finding = {"observation": "Edema", "status": "present", "sentence": "There is pulmonary edema."} | changes
    return Draft((Finding(**finding),), ("Pulmonary edema.",))


@pytest.mark.parametrize(
    ("draft", "kind"),
    [
        (lie(evidence=("case-9",)), "unknown_evidence"),
        (lie(observation="Pneumothorax", sentence="There is a left pneumothorax."), "contradicted"),
        (lie(sentence="There is left pulmonary edema."), "side"),
    ],
)
def test_lies_are_caught(audit, draft, kind):
    report = Drafting(Gate(Remote(draft=draft), audit)).report(case(), OPEN)
    assert kind in {problem.kind for problem in report.problems}
    dropped = Drafting(Gate(Remote(draft=draft), audit), unsupported="drop").report(case(), OPEN)
    assert not any(finding.support == "unsupported" for finding in dropped.findings)


def test_the_log_holds_no_content_and_only_its_owner_reads_it(audit):
    Drafting(Gate(Remote(draft=EDEMA), audit)).report(case(), OPEN)
    log = audit.folder / LOG
    for word in ("secret", "patient", "edema", 'pixels"', "2019"):
        assert word not in log.read_text().replace('"pixels": ', "")
    assert {path.stat().st_mode & 0o777 for path in (log, audit.folder / KEY)} == {0o600}


def test_nothing_is_sent_where_the_log_cannot_be_written(tmp_path):
    (tmp_path / "audit").write_text("a file stands in its place")
    remote = Remote(draft=EDEMA)
    with pytest.raises(ConfigError, match="cannot write"):
        Drafting(Gate(remote, Audit(tmp_path / "audit"))).report(case(), OPEN)
    assert remote.sent == []


def test_unsupported_is_marked_or_dropped(audit):
    with pytest.raises(ConfigError, match="expected mark or drop"):
        Drafting(Gate(TemplateReporter(), audit), unsupported="keep")
