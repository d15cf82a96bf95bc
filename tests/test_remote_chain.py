"""infer.py with remote reporters on loopback: lies are caught, failures leave the template report, keys are nowhere."""

import json
import os

import pytest
from reporters.fakes import KEY, MODEL, GeminiFake, OpenAIFake, Reply

from medxpert.run import open_run

pytestmark = pytest.mark.server

LIES = {
    "findings": [
        {
            "observation": "Pneumothorax",
            "status": "present",
            "laterality": "left",
            "severity": "severe",
            "sentence": "There is a large left pneumothorax.",
            "evidence": ["case-1", "p00000-s9", "crystal ball"],
        }
    ],
    "impression": ["Large left pneumothorax.", "Tuberculosis since 2019."],
    "diagnoses": [
        {"name": "Pneumothorax", "icd10": [{"code": "J99.9", "description": "Invented disease", "billable": True}]}
    ],
}
SERVICES = {
    "gemini": (GeminiFake, ["reporter=gemini"]),
    "openai": (OpenAIFake, ["reporter=openai"]),
}


@pytest.fixture(params=SERVICES)
def ask(request, script, project, tmp_path, monkeypatch):
    """Call infer.py in a process of its own about an open sample; return how it ended and report.json."""
    fake_class, flags = SERVICES[request.param]
    for name in ("GEMINI_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.setenv(name, KEY)
    monkeypatch.setenv("MEDXPERT_AUDIT", str(tmp_path / "audit"))
    sample = open_run("latest", project / "outputs").path / "samples" / "sample_1.png"

    def call(*replies, policy="open"):
        with fake_class(*(fake_class.saying(one) if isinstance(one, str) else one for one in replies), key=KEY) as fake:
            place = [
                f"reporter.base_url={fake.url}",
                f"reporter.model={MODEL}",
                "reporter.timeout_seconds=5",
                "reporter.attempts=1",
            ]
            told = [f"image={sample}", f"policy={policy}", f"output={tmp_path}/a", *flags, *place]
            outcome = script(project, "infer.py", *told)
        return outcome, json.loads((tmp_path / "a" / "report.json").read_text()), fake.requests

    return call


def test_lies_are_caught_and_marked_everywhere(ask, tmp_path):
    outcome, report, _ = ask(json.dumps(LIES))
    assert outcome.status == 0, outcome.err
    assert (report["fallback_reason"], report["reporter"] in SERVICES) == ("", True)
    (finding,) = report["findings"]
    assert finding["support"] == "unsupported"
    assert not {"p00000-s9", "crystal ball", "case-1"} & set(finding["evidence"])
    assert {"unknown_evidence", "unknown_code", "beyond_evidence"} <= {one["kind"] for one in report["problems"]}
    assert report["diagnoses"][0]["icd10"] == []
    assert all("[unsupported]" in sentence or "[unchecked]" in sentence for sentence in report["impression"])
    for name in ("report.md", "report.html"):
        assert "unsupported" in (tmp_path / "a" / name).read_text()
    assert "unsupported" in outcome.out


@pytest.mark.parametrize(
    "reply",
    [
        Reply("down", 500),
        Reply("{}", 429),
        Reply("<html>Sign in to the proxy</html>"),
        "The chest looks fine to me.",
        json.dumps({"findings": "none"}),
    ],
    ids=["500", "429", "html", "prose", "schema"],
)
def test_a_failure_leaves_the_template_report_and_its_reason(ask, reply):
    outcome, report, _ = ask(*[reply] * 4)
    assert outcome.status == 4
    assert (report["reporter"], bool(report["impression"])) == ("template", True)
    assert report["fallback_reason"] in outcome.err.replace("\n", " ")
    assert "Traceback" not in outcome.err


def test_no_id_and_no_key_leave_or_are_written(ask, tmp_path, project):
    outcome, _, requests = ask(json.dumps(LIES))
    cases = open_run("latest", project / "outputs").embeddings("train").cases
    sent = json.dumps([request.body for request in requests])
    ids = [name for name in {*cases.study_ids, *cases.patient_ids} if name in sent]
    # the OpenAI-compatible server is this machine itself, and gets the case as it is; Gemini never is
    assert ("case-1" in sent, bool(ids)) == ((True, False) if "contents" in sent else (False, True))
    assert str(project) not in sent
    assert os.environ["GEMINI_API_KEY"] == KEY
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) >= 7
    assert not [path for path in written if KEY.encode() in path.read_bytes()]
    assert KEY not in outcome.out + outcome.err
