"""One radiograph on the screen: what is read of it, for whom, and how often."""

import hashlib
import io
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from medxpert.abstention.abstainer import Abstainer, Judgement
from medxpert.answer import Answer
from medxpert.app import previewing
from medxpert.app.diagnosing import overlay
from medxpert.app.diagnosing.choosing import _NO_SUCH
from medxpert.app.diagnosing.samples import samples
from medxpert.assistant import Assistant
from medxpert.gating import Gate, Told
from medxpert.images.files import ImageBytes, load
from medxpert.locating.locator import Located
from medxpert.reporting import Finding, Report
from medxpert.run import Run

_SENTENCE = "Small left effusion."
_HOSTILE = "<img src=x onerror=alert(1)>[a](javascript:alert(1)).png"


@pytest.fixture
def run(project) -> Run:
    return Run((project / "outputs" / "latest").resolve())


@pytest.fixture
def radiograph(run) -> bytes:
    return samples(run)[2].path.read_bytes()


@pytest.fixture(autouse=True)
def asked(monkeypatch) -> list[str]:
    """Let the small model, which is sure of nothing, find an effusion; return what it was asked about, in order."""
    contents: list[str] = []
    real: Callable[..., Answer] = Assistant.ask_image

    def told(self, path, *others, **more):
        contents.append(hashlib.sha256(path.read_bytes()).hexdigest())
        answer = real(self, path, *others, **more)
        return answer if answer.report.abstained else replace(answer, report=_with_finding(answer))

    monkeypatch.setattr(Assistant, "ask_image", told)
    return contents


class _Middle:
    """A locator that points to the middle, whatever the model says."""

    def __init__(self, encoder, calibration) -> None:
        pass

    def of_observation(self, pixels, observation) -> Located:
        heat = np.zeros(pixels.shape, np.float32)
        heat[len(heat) // 2, len(heat) // 2] = 1
        return Located(heat, (0.5, 0.5), "test <b>map</b>", 0.25, "It is made up.")


@pytest.fixture(autouse=True)
def _located(monkeypatch) -> None:
    monkeypatch.setattr(overlay, "open_locator", lambda run, encoder, calibration: _Middle(encoder, calibration))


def _with_finding(answer: Answer) -> Report:
    finding = Finding("Pleural Effusion", "present", _SENTENCE, evidence=(answer.voters[0].study_id,), support="weak")
    provenance = {**answer.report.provenance, "probabilities": {"Pleural Effusion": 0.7}}
    return replace(answer.report, findings=(finding,), provenance=provenance)


def _noise() -> bytes:
    pixels = np.random.default_rng(7).integers(0, 256, (64, 64), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def _dicom(radiograph: bytes) -> bytes:
    pixels = np.asarray(Image.open(io.BytesIO(radiograph)).convert("L"))
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    told = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    told.SOPClassUID, told.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    told.PatientID, told.PatientName, told.Modality, told.ViewPosition = "secret-1", "Secret^Name", "DX", "PA"
    told.Rows, told.Columns = pixels.shape
    told.SamplesPerPixel, told.PhotometricInterpretation, told.PixelRepresentation = 1, "MONOCHROME2", 0
    told.BitsAllocated = told.BitsStored = 16
    told.HighBit = 15
    told.PixelData = (pixels.astype(np.uint16) * 16).tobytes()
    buffer = io.BytesIO()
    told.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _upload(drawn, name, content):
    return drawn.file_uploader[0].set_value((name, content, "application/octet-stream")).run()


def _current(drawn):
    """Return the answer to the image that is on the screen."""
    kept = drawn.session_state["image"]
    return next(one for key, one in drawn.session_state["diagnose.held"].items() if key.content == kept.sha256)


def _said(drawn) -> str:
    """Return all that the page says as markup."""
    return "\n".join(one.proto.body for one in drawn.get("html") if hasattr(one.proto, "body"))


def test_the_first_visit_shows_a_sample_and_each_is_asked_about_once(screen, run, asked):
    drawn = screen("diagnose")

    assert not drawn.exception
    assert not drawn.error
    assert drawn.session_state["image"].path == samples(run)[0].path
    one = _current(drawn)
    assert one.answer.policy == "open"
    assert _SENTENCE in _said(drawn)
    assert one.placed["Pleural Effusion"].peak == (0.5, 0.5)
    assert one.placed["Pleural Effusion"].heat.max() == 1
    assert any("25%" in caption.value for caption in drawn.caption)
    assert [one.options for one in drawn.pills] == [["Pleural Effusion"]]

    for name in ("sample_2", "sample_1"):
        drawn.button(key=f"diagnose.sample.{name}").click().run()
    assert asked == [hashlib.sha256(one.path.read_bytes()).hexdigest() for one in samples(run)[:2]]


def test_an_upload_is_private_and_its_name_is_text(screen, radiograph, asked):
    drawn = _upload(screen("diagnose"), _HOSTILE, radiograph)

    assert not drawn.exception
    assert not drawn.error
    assert "&lt;img src=x onerror=alert(1)&gt;[a](javascript:alert(1)).png</b> <span>private</span>" in _said(drawn)
    assert "<img src=x" not in _said(drawn)
    assert not any("javascript:" in one.value for one in (*drawn.markdown, *drawn.caption))
    assert _current(drawn).answer.policy == "private"
    assert _SENTENCE in _said(drawn)

    drawn.radio[0].set_value("open").run()
    assert "</b> <span>open</span>" in _said(drawn)
    assert {key.policy for key in drawn.session_state["diagnose.held"]} == {"open", "private"}
    assert len(asked) == 3


def test_a_dicom_is_read_as_its_picture_is_and_names_nobody(screen, radiograph):
    drawn = _upload(screen("diagnose"), "chest.dcm", _dicom(radiograph))

    assert not drawn.error
    report = _current(drawn).answer.report
    assert report.technique == "Frontal (PA) radiograph, as its DICOM header says."
    assert not any(word in str(one.proto) for one in drawn.main for word in ("Secret", "secret-1"))
    seen = _current(drawn).answer.query.pixels
    assert np.corrcoef(seen.ravel(), load(ImageBytes(radiograph), len(seen)).ravel())[0, 1] > 0.99


def test_a_text_is_refused_in_one_line_and_a_sample_follows(screen, run):
    drawn = _upload(screen("diagnose"), "chest.png", b"no picture at all")

    assert len(drawn.error) == 1
    assert "\n" not in drawn.error[0].value
    assert not drawn.exception

    drawn.button(key="diagnose.sample.sample_2").click().run()
    assert not drawn.error
    assert drawn.session_state["image"].path == samples(run)[1].path


def test_a_removed_upload_is_gone_and_another_one_takes_its_place(screen, radiograph):
    drawn = _upload(screen("diagnose"), "chest.png", radiograph)
    drawn.file_uploader[0].set_value(None).run()

    assert "image" not in drawn.session_state
    assert "chest.png" not in _said(drawn)
    assert "Drop a chest radiograph" in drawn.info[0].value

    _upload(drawn, "other.png", radiograph)
    assert drawn.session_state["image"].name == "other.png"


def test_sessions_see_nothing_of_each_other(screen, radiograph):
    mine, other = screen("diagnose"), screen("diagnose")
    _upload(mine, "mine.png", radiograph)
    other.run()

    assert "mine.png" in _said(mine)
    assert "mine.png" not in _said(other)
    assert mine.session_state["image"] != other.session_state["image"]
    assert len(mine.session_state["diagnose.held"]) == 2
    assert len(other.session_state["diagnose.held"]) == 1


def test_noise_gets_a_reason_and_no_findings(screen, monkeypatch):
    monkeypatch.setattr(Abstainer, "judge", lambda self, pixels, vector: Judgement(True, "No chest is seen.", 9.0, 1.0))
    drawn = _upload(screen("diagnose"), "noise.png", _noise())

    report = _current(drawn).answer.report
    assert report.abstained
    assert "mx-abstained" in _said(drawn)
    assert "No chest is seen." in _said(drawn)
    assert _SENTENCE not in _said(drawn)
    assert not any("Similar cases" in one.value for one in drawn.subheader)
    assert not drawn.pills


def test_the_address_names_a_sample_or_is_told_that_it_does_not(screen, run):
    drawn = screen("diagnose")
    drawn.query_params["sample"] = "sample_3"
    drawn.run()

    assert "Sample 3</b> <span>open</span>" in _said(drawn)
    assert not drawn.warning
    for name in ("../../../etc/passwd", "sample_99", "<b>x</b>", ""):
        drawn.query_params["sample"] = name
        drawn.run()

        assert [one.value for one in drawn.warning] == [_NO_SUCH]
        assert drawn.session_state["image"].path == samples(run)[2].path


def test_other_cases_are_searched_and_the_report_stays(screen, asked):
    drawn = screen("diagnose")
    before = _current(drawn).answer
    # the six that were asked for, and perhaps the one that the report cites
    assert _said(drawn).count("<article") in (6, 7)
    drawn.slider(key="diagnose.top_k").set_value(2)
    drawn.selectbox(key="diagnose.filter.label").set_value("Pleural Effusion").run()

    assert not drawn.error
    assert len(asked) == 1
    assert _current(drawn).answer is before
    assert _said(drawn).count("<article") in (2, 3)


def test_a_run_that_is_not_open_is_closed_to_strangers(screen, monkeypatch):
    monkeypatch.setattr("medxpert.app.access.may_see", lambda policy: False)
    drawn = screen("diagnose")

    assert "authenticated sessions only" in drawn.warning[0].value
    assert "image" not in drawn.session_state
    assert not drawn.button


def test_another_reporter_waits_for_its_user_and_shows_what_a_dry_run_would_send(screen, asked, monkeypatch):
    monkeypatch.setattr(Assistant, "made_with", lambda self: {"reporter": "<b>r</b>", "model_id": "m"})
    drawn = screen("diagnose")

    assert asked == []
    assert "Reporter: <b>r</b> (m)" in [one.value for one in drawn.text]

    monkeypatch.setattr(previewing, "drop_preview", lambda: "POST <b>everything</b>")
    monkeypatch.setattr("medxpert.reporters.template.TemplateReporter.name", "<b>r</b>")
    drawn.button(key="diagnose.agree").click().run()

    assert not drawn.exception
    assert len(asked) == 1
    assert "<span>Written by</span> &lt;b&gt;r&lt;/b&gt;" in _said(drawn)
    assert [one.value for one in drawn.code] == ["POST <b>everything</b>"]


def test_a_report_by_another_than_the_one_asked_for_may_be_asked_for_again(screen, asked, monkeypatch):
    monkeypatch.setattr(Gate, "ask", lambda self, case, at, request: Told(None, "out of reach", self.decision(at)))
    drawn = screen("diagnose")
    drawn.button(key="diagnose.again").click().run()

    assert not drawn.exception
    assert len(asked) == 2
