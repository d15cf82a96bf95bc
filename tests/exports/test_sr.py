import sys
from dataclasses import replace
from pathlib import Path

import pydicom
import pytest
from documents.samples import ABSTAINED, REPORT
from exports import films
from highdicom import sr
from pydicom.uid import ComprehensiveSRStorage

from medxpert.errors import DataError, MissingExtraError
from medxpert.exports.sr import SrExporter
from medxpert.images.errors import ImageError
from medxpert.report import NOTICE
from medxpert.reporting import Code, Diagnosis

REAL = Path(__file__).parents[3] / "shared" / "cxr" / "dicom"


@pytest.fixture
def written(tmp_path):
    """Return a function that writes a document and reads it with pydicom."""
    return lambda exported: pydicom.dcmread(SrExporter()(exported, tmp_path)[0])


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    return films.example(tmp_path_factory.mktemp("archive"))


@pytest.fixture(scope="module")
def document(given, tmp_path_factory):
    """Return what was written about `given`; tests only read it."""
    return pydicom.dcmread(SrExporter()(given, tmp_path_factory.mktemp("out"))[0])


def meaning(item):
    return item.ConceptNameCodeSequence[0].CodeMeaning


def text(item):
    found = item.TextValue
    return found if isinstance(found, str) else "\\".join(found)


def section(document, name):
    (found,) = [one for one in document.ContentSequence if meaning(one) == name]
    return found.ContentSequence


def properties(item):
    return {meaning(one): one for one in item.ContentSequence}


def code(item):
    held = item.ConceptCodeSequence[0]
    return held.CodingSchemeDesignator, held.CodeValue


def test_says_what_it_is(document):
    assert document.SOPClassUID == document.file_meta.MediaStorageSOPClassUID == ComprehensiveSRStorage
    assert (document.CompletionFlag, document.VerificationFlag) == ("PARTIAL", "UNVERIFIED")
    assert (document.PreliminaryFlag, document.ContentQualification) == ("PRELIMINARY", "RESEARCH")
    assert (document.Modality, document.Manufacturer) == ("SR", "MedXpert")
    assert document.SeriesDescription == "MedXpert, research use only, not for diagnosis"
    assert code_of_title(document) == ("LN", "18748-4")
    assert document.ContentTemplateSequence[0].TemplateIdentifier == "2000"
    comments = [text(one) for one in document.ContentSequence if meaning(one) == "Comment"]
    assert comments[0] == f"{NOTICE} Policy: credentialed."


def code_of_title(document):
    title = document.ConceptNameCodeSequence[0]
    return title.CodingSchemeDesignator, title.CodeValue


def test_belongs_to_the_patient_and_study_of_the_image(document, given):
    source = pydicom.dcmread(given.source)
    for name in ("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "StudyInstanceUID", "StudyDate"):
        assert document[name].value == source[name].value, name
    assert document.AccessionNumber == "A-1"
    assert document.SeriesInstanceUID != source.SeriesInstanceUID
    (evidence,) = document.CurrentRequestedProcedureEvidenceSequence
    referenced = evidence.ReferencedSeriesSequence[0]
    assert referenced.SeriesInstanceUID == source.SeriesInstanceUID
    assert referenced.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == source.SOPInstanceUID


def test_findings(document):
    found = section(document, "Findings")
    assert [text(one) for one in found] == [one.sentence for one in REPORT.findings]
    effusion, lesion, absent = properties(found[0]), properties(found[2]), properties(found[3])
    assert code(effusion["Observation"]) == ("SCT", "60046008")
    assert code(effusion["Status"]) == ("SCT", "52101004")
    assert code(effusion["Laterality"]) == ("SCT", "7771000")
    assert code(effusion["Severity"]) == ("SCT", "6736007")
    probability = effusion["Probability that it is there"]
    assert float(probability.MeasuredValueSequence[0].NumericValue) == 83.1
    assert text(probability.ContentSequence[0]) == "zero-shot"
    assert text(effusion["Evidence"]) == "zero-shot 0.83, s1, s2"
    assert text(lesion["Observation"]) == "Lung Lesion"
    assert text(lesion["Support by the evidence"]) == "unsupported"
    assert code(absent["Status"]) == ("SCT", "2667000")
    assert "Laterality" not in absent


def test_every_finding_refers_to_the_image(document, given):
    source = pydicom.dcmread(given.source).SOPInstanceUID
    for finding in section(document, "Findings"):
        image = properties(finding)["Image that was looked at"]
        assert image.RelationshipType == "INFERRED FROM"
        assert image.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == source


def test_other_sections(document):
    assert [text(one) for one in section(document, "Impressions")] == list(REPORT.impression)
    compared = [text(one) for one in section(document, "Prior Procedure Descriptions")]
    assert compared[:2] == [REPORT.comparison, (
        "Pleural Effusion: worse 0.61 (before: 0.71, present, left, mild; now: 0.88, present, left, moderate)"
    )]  # fmt: skip
    assert [text(one) for one in section(document, "Limitations")] == list(REPORT.limitations)
    assert [text(one) for one in section(document, "Question")] == [
        "Is there an effusion?", "Yes, a left one. Confidence 0.83. Evidence: zero-shot, s1.",
    ]  # fmt: skip


def test_codes_are_suggested(document):
    first, second = section(document, "Conclusions")
    assert text(first).endswith("Suggested codes, never asserted.")
    assert [code(one) for one in first.ContentSequence] == [("I10C", "J90"), ("I10C", "J9"), ("I10C", "J91")]
    assert {meaning(one) for one in first.ContentSequence} == {"Suggested code, not asserted"}
    assert "ContentSequence" not in second


def test_own_schemes_are_named(document):
    found = {one.CodingSchemeDesignator: one for one in document.CodingSchemeIdentificationSequence}
    assert found["I10C"].CodingSchemeUID == "2.16.840.1.113883.6.90"
    assert "99MEDXPERT" in found


def test_overall_probability(written, exported):
    known = {"probabilities": {"Edema": 0.25, "Pleural Effusion": float("nan")}}
    found = section(written(replace(exported, report=replace(REPORT, provenance=known))), "Findings")
    assert "Probability that it is there" not in properties(found[0])
    assert float(properties(found[1])["Probability that it is there"].MeasuredValueSequence[0].NumericValue) == 25


def test_description_longer_than_a_code_may_have(written, exported):
    long = Diagnosis("Long", (Code("J90", "w" * 100, True),))
    (found,) = section(written(replace(exported, report=replace(REPORT, diagnoses=(long,)))), "Conclusions")
    assert found.ContentSequence[0].ConceptCodeSequence[0].CodeMeaning == "w" * 64
    assert "w" * 100 in text(found)


def test_highdicom_reads_it(exported, tmp_path):
    document = sr.srread(SrExporter()(exported, tmp_path)[0])
    assert isinstance(document, sr.ComprehensiveSR)
    (root,) = document.content
    headings = [one.name.meaning for one in root.ContentSequence if one.value_type == sr.ValueTypeValues.CONTAINER]
    assert headings == [
        "Current Procedure Descriptions", "Prior Procedure Descriptions", "Findings", "Impressions", "Conclusions",
        "Question", "Limitations",
    ]  # fmt: skip


def test_abstained(written, exported):
    document = written(replace(exported, report=ABSTAINED, reply=None))
    comments = [text(one) for one in document.ContentSequence if meaning(one) == "Comment"]
    assert comments[1] == "No report: the system abstained. Not a chest."
    assert not {"Findings", "Impressions", "Conclusions"} & {meaning(one) for one in document.ContentSequence}


def test_a_new_instance_each_time(written, exported):
    one, other = written(exported), written(exported)
    assert one.SOPInstanceUID != other.SOPInstanceUID
    assert one.SeriesInstanceUID != other.SeriesInstanceUID


def test_names_in_other_letters(written, exported, film):
    source = film("latin.dcm", SpecificCharacterSet="ISO_IR 100", PatientName="Ødegård^Zoë")
    document = written(replace(exported, source=source))
    assert (document.SpecificCharacterSet, str(document.PatientName)) == ("ISO_IR 192", "Ødegård^Zoë")


def test_empty_elements_stay_empty(written, exported, film):
    bare = film("bare.dcm", PatientID="", PatientName="", PatientBirthDate=None, PatientSex="", AccessionNumber="")
    document = written(replace(exported, source=bare))
    assert {str(document[name].value or "") for name in ("PatientID", "PatientName", "PatientSex")} == {""}


@pytest.mark.parametrize(("header", "named"), [
    ({"StudyInstanceUID": None}, "no valid StudyInstanceUID;"),
    ({"SeriesInstanceUID": ""}, "no valid SeriesInstanceUID;"),
    ({"StudyInstanceUID": None, "SeriesInstanceUID": None}, "no valid StudyInstanceUID, SeriesInstanceUID;"),
    ({"SOPInstanceUID": None}, "no valid SOPInstanceUID;"),
])  # fmt: skip
def test_dicom_without_identifiers(written, exported, film, header, named, tmp_path):
    with pytest.raises(DataError, match=named) as raised:
        written(replace(exported, source=film("bare.dcm", **header)))
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "report.sr.dcm").exists()


@pytest.mark.parametrize(("header", "named"), [
    ({"PatientSex": "Q"}, "PatientSex"), ({"StudyDate": "20241399"}, "StudyDate"),
    ({"PatientBirthDate": "x"}, "PatientBirth"),
])  # fmt: skip
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_values_that_dicom_does_not_allow_are_not_quoted(written, exported, film, header, named, monkeypatch):
    monkeypatch.setattr(pydicom.config.settings, "writing_validation_mode", pydicom.config.IGNORE)
    source = film("odd.dcm", **header)
    monkeypatch.setattr(pydicom.config.settings, "writing_validation_mode", pydicom.config.RAISE)
    with pytest.raises(DataError, match=f"expected values that DICOM allows, found others in {named}") as raised:
        written(replace(exported, source=source))
    assert not any(f"'{value}'" in str(raised.value) or f" {value}" in str(raised.value) for value in header.values())


def test_other_sources(written, exported, tmp_path):
    picture = tmp_path / "film.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(200))
    with pytest.raises(DataError, match="expected a DICOM image, found another kind of file; leave sr out of export="):
        written(replace(exported, source=picture))
    with pytest.raises(DataError, match="found a text query; leave sr out of export="):
        written(replace(exported, source=None, pixels=None))
    with pytest.raises(ImageError):
        written(replace(exported, source=tmp_path / "gone.dcm"))


def test_no_warning_names_a_patient(written, exported, film, recwarn):
    written(replace(exported, source=film("one_word.dcm", PatientName="Janedoe")))
    assert [str(one.message) for one in recwarn if "Jane" in str(one.message)] == []


def test_without_the_package(exported, tmp_path, monkeypatch):
    monkeypatch.delitem(sys.modules, "medxpert.exports.sr_content", raising=False)
    monkeypatch.setitem(sys.modules, "highdicom", None)
    with pytest.raises(MissingExtraError, match=r"highdicom is not installed; run: pip install 'medxpert\[exports\]'"):
        SrExporter()(exported, tmp_path)


@pytest.mark.shared
@pytest.mark.skipif(not REAL.is_dir(), reason="the real radiographs are absent")
@pytest.mark.parametrize("path", sorted(REAL.glob("*.dcm")), ids=lambda path: path.stem[-8:])
def test_real_radiograph(written, exported, path):
    source, document = pydicom.dcmread(path), written(replace(exported, source=path))
    assert document.StudyInstanceUID == source.StudyInstanceUID
    assert document.PatientID == source.PatientID
    assert len(section(document, "Findings")) == len(REPORT.findings)
