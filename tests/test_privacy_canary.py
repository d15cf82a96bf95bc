"""Plants ids, names, dates, paths and keys, and looks for them in what would be sent and in what is written."""

import base64
import io

import numpy as np
import PIL.Image
import pytest

from medxpert.audit import KEY, LOG, Audit, Sending
from medxpert.ontology import OBSERVATIONS
from medxpert.privacy import decide
from medxpert.reporters.gemini import GeminiReporter
from medxpert.reporters.openai_compatible import OpenAIReporter
from medxpert.reporters.prompt import prompt_of
from medxpert.reporting import Case, Verdict
from medxpert.scrubbing import scrubbed
from medxpert.words import Hit

SECRET = "AIza-canary-key-0123456789"
CANARIES = {
    "study id": "ward7/Canary-Film-55.png",
    "second study id": "CXR77_IM-9911-2001",
    "uid": "1.2.840.113619.77.1234567",
    "patient id": "canary_patient_a",
    "name": "Canaria",
    "surname": "Kanarienvogel",
    "nurse": "Finch",
    "date": "2019-03-12",
    "other date": "March 14th, 2019",
    "time": "14:37",
    "path": "/srv/films/canary/film.dcm",
    "Windows path": "C:\\Canary\\film.dcm",
    "file": "canary_chest.png",
    "record": "7712345",
    "phone": "317-555-0177",
    "address": "77 Canary Street",
    "email": "canary@ward.org",
    "web": "https://pacs.canary.org/77",
    "hospital": "Canary Islands Hospital",
    "age": "97-year-old",
    "key": SECRET,
}
REPORT = """Patient: {name} {surname}, {age}, MRN {record}. Compared with {date}, {time}. Film {path}, {Windows path},
{file}. Seen at {hospital}, {address}. Discussed with Dr. {surname} on {other date}.
Nurse {nurse} was informed at {phone}.
See {email}, {web}, {study id}, {second study id}, {uid}, {patient id} and {key}.
Small left pleural effusion of 3.5 cm."""
REPORTERS = [
    pytest.param(lambda: GeminiReporter(send_image=True), id="gemini"),
    pytest.param(lambda: GeminiReporter(project="p", location="europe-west4", send_image=True), id="vertex"),
    pytest.param(lambda: OpenAIReporter(model="m", base_url="https://llm.org/v1", send_image=True), id="openai"),
]


@pytest.fixture(autouse=True)
def keys(monkeypatch):
    for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.setenv(name, SECRET)


def case():
    text = REPORT.format_map(CANARIES)
    ids = [CANARIES[name] for name in ("study id", "second study id", "uid")]
    hits = [Hit(rank, 0.9, study, CANARIES["patient id"], text, {}, rank) for rank, study in enumerate(ids, start=1)]
    verdicts = tuple(Verdict(name, "present", 0.9, "left", "mild", {"cases": 0.9}, tuple(ids)) for name in OBSERVATIONS)
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8)
    return Case(verdicts, hits, "One frontal radiograph.", text, text, pixels)


def found(text):
    """Return the canaries that stand in a text, as they are or as JSON or base64 has them."""
    spellings = {
        name: {canary, canary.replace("\\", "\\\\"), base64.b64encode(canary.encode()).decode().rstrip("=")[:-1]}
        for name, canary in CANARIES.items()
    }
    return {name for name, ways in spellings.items() if any(way.lower() in text.lower() for way in ways)}


def test_the_canaries_are_found_where_nothing_was_scrubbed():
    assert found(repr(case()).replace("\\\\", "\\")) == set(CANARIES)
    assert found(base64.b64encode(SECRET.encode()).decode()) == {"key"}


def test_a_scrubbed_case_holds_no_canary():
    bare = scrubbed(case()).case
    assert not found(repr(bare))
    assert "Small left pleural effusion of 3.5 cm." in bare.hits[0].text


@pytest.mark.parametrize("make", REPORTERS)
def test_what_would_be_sent_holds_no_canary(make):
    reporter = make()
    shown = reporter.preview(scrubbed(case()).case)
    assert not found(shown)
    assert "pleural effusion of 3.5 cm" in shown
    assert "case-3" in shown


def test_a_picture_carries_nothing_but_pixels():
    prompt = prompt_of(scrubbed(case()).case, True, 3)
    with PIL.Image.open(io.BytesIO(prompt.image)) as image:
        assert not image.info
        assert np.array_equal(np.asarray(image), case().pixels)


@pytest.mark.parametrize("policy", ["open", "private"])
@pytest.mark.parametrize("make", REPORTERS)
def test_the_audit_log_holds_no_canary(tmp_path, make, policy):
    reporter, audit = make(), Audit(tmp_path)
    decision = decide(policy, "open", "open", reporter.endpoint, reporter.send_image, "NO")
    payload = reporter.preview(case()).encode()
    sending = Sending.of(reporter, decision, repr(case()).encode(), payload, {"query": policy})
    for outcome in ("asked", "failed", "answered"):
        audit.note(sending, outcome)
    assert {path.name for path in tmp_path.iterdir()} == {LOG, KEY}
    assert not found((tmp_path / LOG).read_text("utf-8"))
    assert not found(decision.reason)


@pytest.mark.parametrize("make", REPORTERS)
def test_a_reporter_shows_no_key(make):
    reporter = make()
    assert SECRET not in repr(reporter) + str(vars(reporter)) + reporter.endpoint.name + reporter.model_id
