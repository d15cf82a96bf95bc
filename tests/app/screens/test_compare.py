"""Two studies side by side: what is told of them, and what is refused."""

import csv
import io
from dataclasses import replace
from html import escape

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from medxpert.abstention.abstainer import Abstainer, Judgement
from medxpert.app.comparing import overlay
from medxpert.app.comparing.changes import COLUMNS, csv_of, parted, table
from medxpert.app.comparing.compared import MOST, Asked, Compared, hold
from medxpert.app.comparing.studies import Study, add, follow, picked, swap, taken
from medxpert.app.uploads import Kept
from medxpert.app.viewer.viewer import Film
from medxpert.comparison.aligning import Alignment
from medxpert.comparison.difference import Difference
from medxpert.comparison.told import comparison_text
from medxpert.comparison.warping import UNMOVED
from medxpert.documents import wording
from medxpert.reporting import Change, Verdict
from medxpert.run import Run

_HOSTILE = "<img src=x onerror=alert(1)>.png"


def _said(drawn) -> str:
    """Return all that the page says as markup."""
    return "\n".join(one.proto.body for one in drawn.get("html") if hasattr(one.proto, "body"))


def _held(drawn) -> Compared:
    return list(drawn.session_state["compare.held"].values())[-1]


@pytest.fixture
def sample(project):
    folder = Run((project / "outputs" / "latest").resolve()).path / "samples"
    return lambda number: (folder / f"sample_{number}.png").read_bytes()


def _dicom(picture: bytes, day: str, patient: str = "p-1") -> bytes:
    pixels = np.asarray(Image.open(io.BytesIO(picture)).convert("L"))
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    told = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    told.SOPClassUID, told.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    told.PatientID, told.Modality, told.ViewPosition = patient, "DX", "PA"
    told.StudyDate, told.StudyTime = day, "141500"
    told.Rows, told.Columns = pixels.shape
    told.SamplesPerPixel, told.PhotometricInterpretation, told.PixelRepresentation = 1, "MONOCHROME2", 0
    told.BitsAllocated = told.BitsStored = 8
    told.HighBit = 7
    told.PixelData = pixels.tobytes()
    buffer = io.BytesIO()
    told.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _drop(drawn, slot, name, content):
    drawn.file_uploader(key=f"compare.upload.{slot}").set_value((name, content, "application/octet-stream")).run()
    assert not drawn.exception
    return drawn


def _pick(drawn, slot, name):
    drawn.selectbox(key=f"compare.pick.{slot}").set_value(name).run()
    assert not drawn.exception
    return drawn


def test_the_first_visit_asks_for_the_earlier_study(screen):
    drawn = screen("compare")

    assert not drawn.exception
    assert "Choose the earlier study" in drawn.info[0].value
    assert drawn.selectbox(key="compare.pick.current").value == "sample_1"
    assert drawn.selectbox(key="compare.pick.earlier").value is None


def test_two_samples_are_compared_once_and_told_to_be_strangers(screen):
    drawn = _pick(screen("compare"), "earlier", "sample_2")

    assert not drawn.error
    told = _held(drawn)
    assert told.report.comparison in _said(drawn).replace("&#x27;", "'")
    assert _said(drawn).count('<th scope="row">') == len(told.report.changes) == 13
    assert "Nobody could check that both images are of one patient." in _said(drawn)
    assert any("different patients" in one.value for one in drawn.warning)
    kinds = [one.type for one in drawn.main]
    assert kinds.index("warning") < kinds.index("bidi_component")
    assert told.difference.map is not None
    assert f"{told.difference.after:.2f}" in "".join(one.value for one in drawn.caption)

    (saved,) = drawn.get("download_button")
    assert f"policy: {wording.policy(told.report)}" in saved.proto.help
    assert saved.proto.ignore_rerun

    drawn.segmented_control[0].set_value(overlay.DARKER).run()
    assert _held(drawn) is told
    drawn.button(key="compare.swap").click().run()
    assert drawn.selectbox(key="compare.pick.current").value == "sample_2"
    assert len(drawn.session_state["compare.held"]) == 2


def test_one_file_twice_is_told(screen, sample):
    drawn = _drop(screen("compare"), "earlier", "again.png", sample(1))

    assert "found one image twice; choose an earlier one" in _said(drawn)
    assert "These two studies: expected two images" in _said(drawn)
    assert "prior=" not in _said(drawn)
    assert not drawn.segmented_control


def test_dicoms_show_their_dates_and_the_wrong_order_is_told(screen, sample):
    drawn = _drop(screen("compare"), "earlier", "new.dcm", _dicom(sample(3), "20240531"))
    _drop(drawn, "current", "old.dcm", _dicom(sample(4), "20230102"))

    assert "2024-05-31 14:15" in _said(drawn)
    assert "the prior image is newer than the current one; swap them" in _said(drawn)

    drawn.button(key="compare.swap").click().run()
    assert not drawn.exception
    assert "newer than" not in _said(drawn)
    assert "Nobody could check" not in _said(drawn)
    assert _held(drawn).report.changes
    assert "policy: private" in drawn.get("download_button")[0].proto.help


def test_two_patients_are_refused_and_named_by_nothing_but_files(screen, sample):
    drawn = _drop(screen("compare"), "earlier", "a.dcm", _dicom(sample(3), "20230102", "secret-1"))
    _drop(drawn, "current", "b.dcm", _dicom(sample(4), "20240531", "secret-2"))

    assert "the two headers name different patients; choose an earlier one of the same patient" in _said(drawn)
    assert "secret" not in _said(drawn)


def test_a_hostile_name_is_text(screen, sample):
    drawn = _drop(screen("compare"), "earlier", _HOSTILE, sample(1))

    assert _HOSTILE in drawn.selectbox(key="compare.pick.earlier").options
    assert "<img src=x" not in _said(drawn)


def test_what_is_no_picture_is_refused_in_one_line(screen):
    drawn = _drop(screen("compare"), "earlier", "x.png", b"no picture")

    assert len(drawn.error) == 1
    assert "\n" not in drawn.error[0].value


def test_an_image_that_the_model_does_not_know_is_compared_with_nothing(screen, monkeypatch):
    monkeypatch.setattr(Abstainer, "judge", lambda self, pixels, vector: Judgement(True, "No chest is seen.", 9.0, 1.0))
    drawn = _pick(screen("compare"), "earlier", "sample_2")

    assert not drawn.get("download_button")
    assert "mx-abstained" in _said(drawn)
    assert "No chest is seen." in _said(drawn)
    assert "<table>" not in _said(drawn)


def _change(observation, course, probability, before="", now=""):
    courses = {} if probability is None else {course: probability}
    told = [Verdict(observation, status, None if probability is None else 0.4) for status in (before, now)]
    return Change(observation, course, probability, courses, *told)


def test_changes_are_in_order_of_importance_and_in_words():
    unchanged = _change("Edema", "unchanged", 0.9, "present", "present")
    clear = _change("Fracture", "unchanged", 0.99, "absent", "absent")
    unknown = _change("Pneumonia", "", None)
    new = _change("Pneumothorax", "new", 0.8, "absent", "present")
    better = _change("Consolidation", "better", 0.3, "present", "uncertain")

    assert parted([unknown, unchanged, clear, better, new]) == ([new, better, unchanged], [clear, unknown])
    drawn = table([new, unknown])
    assert "new 80 %" in drawn
    assert "present (40 %)" in drawn
    assert "not known" in drawn
    assert 'class="mx-course new"' in drawn
    assert escape("<b>") in table([replace(new, observation="<b>")])


def test_changes_are_saved_with_their_evidence_in_the_order_and_the_words_of_the_table():
    told = Verdict("Edema", "present", 0.43219, "left", "mild", {"zero-shot": 0.7, "=probe": 0.25}, ("=s1", "s2"))
    edema = replace(_change("Edema", "new", 0.8, "absent", "present"), now=told, courses={"new": 0.8, "unchanged": 0.2})
    unlikely = _change("Atelectasis", "resolved", 0.1, "uncertain", "absent")
    clear, unknown = _change("Fracture", "unchanged", 0.99, "absent", "absent"), _change("=1+1", "", None)
    rows = list(csv.DictReader(io.StringIO(csv_of([unknown, clear, unlikely, edema], "private"))))

    assert tuple(rows[0]) == COLUMNS
    assert [row["observation"] for row in rows] == ["Edema", "Atelectasis", "Fracture", "'=1+1"]
    assert [row["change"] for row in rows] == ["new", "unlikely: resolved", "unchanged", "not known"]
    assert [row["change_probability"] for row in rows] == ["0.8", "0.1", "0.99", ""]
    assert rows[0]["courses"] == "new 0.8; unchanged 0.2"
    assert [rows[0][name] for name in ("earlier", "earlier_probability", "earlier_cases")] == ["absent", "0.4", ""]
    assert [rows[0][name] for name in ("current", "current_probability")] == ["present, left, mild", "0.4322"]
    assert rows[0]["current_evidence"] == "zero-shot 0.70, =probe 0.25, 2 cases agree"
    assert rows[0]["current_cases"] == "'=s1; s2"
    assert [rows[3][name] for name in ("current", "current_probability", "current_evidence")] == ["not known", "", ""]
    assert {row["policy"] for row in rows} == {"private"}


@pytest.mark.parametrize(("probability", "kind"), [(0.19, "unlikely"), (0.2, "resolved")])
def test_a_change_that_the_sentence_does_not_name_is_no_change_in_the_table(probability, kind):
    resolved = _change("Atelectasis", "resolved", probability, "uncertain", "absent")
    named = "resolved" in comparison_text([resolved])

    assert f'class="mx-course {kind}"' in table([resolved])
    assert named is (kind == "resolved")
    assert ("unlikely: resolved 19 %" in table([resolved])) is not named


def test_a_map_is_laid_over_the_current_film_with_its_peak(tmp_path):
    told = np.zeros((40, 60), np.float32)
    told[9:12, 29:32], told[30, 5] = 0.9, -0.5
    found = Difference(told, 0.1, 0.8, 1.0, Alignment(UNMOVED, 0.1, 0.8, 1.0))
    film = Film(tmp_path / "x.png", "x")

    bright = overlay.heated(film, found, overlay.BRIGHTER)
    assert bright.marker == pytest.approx((10.5 / 40, 30.5 / 60))
    assert bright.heat.max() == pytest.approx(0.9)
    assert overlay.heated(film, found, overlay.DARKER).heat[30, 5] == pytest.approx(0.5)
    assert overlay.heated(film, found, None) is film
    assert overlay.heated(film, found._replace(map=None), overlay.BRIGHTER) is film


def test_the_current_study_follows_other_screens_until_it_is_chosen_here(tmp_path):
    state: dict = {"image": Kept(tmp_path / "a.png", "a.png", "a" * 64)}
    follow(state, [])
    assert picked(state)["current"] == "a" * 64

    add(state, Kept(tmp_path / "b.png", "b.png", "b" * 64), "earlier")
    swap(state)
    follow(state, [])
    assert picked(state) == {"earlier": "a" * 64, "current": "b" * 64}

    state["image"] = Kept(tmp_path / "c.png", "c.png", "c" * 64)
    follow(state, [])
    assert picked(state)["current"] == "c" * 64


@pytest.mark.parametrize(("day", "told"), [("20240531", "2024-05-31 14:15"), ("", "")])
def test_a_date_is_read_from_the_header_alone(tmp_path, day, told):
    Image.fromarray(np.eye(16, dtype=np.uint8) * 200).save(tmp_path / "x.png")
    (tmp_path / "x.dcm").write_bytes(_dicom((tmp_path / "x.png").read_bytes(), day))

    assert taken(Study(Kept(tmp_path / "x.dcm", "x", ""), "x", False)) == told
    assert taken(Study(Kept(tmp_path / "x.png", "x", ""), "x", False)) == ""


def test_comparisons_held_are_bounded():
    state: dict = {}
    for number in range(MOST + 2):
        hold(state, Asked(str(number), "", "open", ""), Compared(None, None, "no"))
    assert [one.earlier for one in state["compare.held"]] == [str(number) for number in range(2, MOST + 2)]
