import json
import re
import sys
from dataclasses import replace

import pytest
from documents.samples import ABSTAINED, REPORT, speaking
from fhir.resources.diagnosticreport import DiagnosticReport as R5
from fhir.resources.R4B.diagnosticreport import DiagnosticReport as R4B
from pydantic import ValidationError
from pydicom.sr._concepts_dict import concepts

from medxpert.errors import MissingExtraError
from medxpert.exports import coding
from medxpert.exports.fhir import FhirExporter, validated
from medxpert.exports.fhir_resources import diagnostic_report
from medxpert.report import NOTICE

MODELS = {"R5": R5, "R4B": R4B}
BANNER = f"{NOTICE} Policy: credentialed."


@pytest.fixture(params=["R5", "R4B"])
def release(request):
    return request.param


@pytest.fixture
def read(tmp_path, release):
    """Return a function that writes one release and reads it with its model."""

    def call(exported):
        (path,) = FhirExporter(release)(exported, tmp_path)
        assert path.name == f"report.fhir.{release.lower()}.json"
        return MODELS[release].model_validate_json(path.read_text())

    return call


def coded(concept):
    return [(one.system, one.code) for one in concept.coding or ()]


def components(observation):
    return {one.code.text: one for one in observation.component or ()}


def test_head(read, exported):
    report = read(exported)
    assert report.status == "preliminary"
    assert coded(report.category[0]) == [("http://terminology.hl7.org/CodeSystem/v2-0074", "RAD")]
    assert coded(report.code) == [("http://loinc.org", "18748-4")]
    assert report.performer[0].display == "MedXpert, reporter template"
    assert "Moderate left effusion." in report.presentedForm[0].data.decode()


def test_every_finding_is_an_observation(read, exported):
    report = read(exported)
    found = report.contained[: len(REPORT.findings)]
    assert [one.code.text for one in found] == [one.observation for one in REPORT.findings]
    assert [one.interpretation[0].coding[0].code for one in found] == ["POS", "IND", "POS", "NEG", "NEG"]
    assert [one.valueCodeableConcept.coding[0].code for one in found[:2]] == ["52101004", "82334004"]
    assert {one.status for one in report.contained} == {"preliminary"}
    assert [one.reference for one in report.result] == [f"#{one.id}" for one in report.contained]


def test_what_an_observation_holds(read, exported):
    effusion = read(exported).contained[0]
    assert coded(effusion.code) == [("http://snomed.info/sct", "60046008")]
    assert effusion.bodySite.text == "left side of the chest"
    held = components(effusion)
    assert coded(held["Laterality"].valueCodeableConcept) == [("http://snomed.info/sct", "7771000")]
    assert held["Severity"].valueCodeableConcept.text == "moderate"
    assert held["Support by the evidence"].valueString == "supported"
    assert float(held["Probability that it is there: zero-shot"].valueQuantity.value) == 0.831
    assert [note.text for note in effusion.note] == ["Moderate left effusion.", "Evidence: zero-shot 0.83, s1, s2"]


def test_observation_without_a_code_has_a_name(read, exported):
    lesion = read(exported).contained[2]
    assert lesion.code.text == "Lung Lesion"
    assert lesion.code.coding is None
    assert "Severity" not in components(lesion)


def test_overall_probability(read, exported):
    known = {**REPORT.provenance, "probabilities": {"Edema": 0.3, "Lung Lesion": float("nan")}}
    found = read(replace(exported, report=replace(REPORT, provenance=known))).contained
    assert float(components(found[1])["Probability that it is there: all evidence"].valueQuantity.value) == 0.3
    assert "Probability that it is there: all evidence" not in components(found[2])


def test_changes_that_are_told(read, exported):
    found = [one for one in read(exported).contained if one.id.startswith("change")]
    assert [one.valueCodeableConcept.text for one in found] == ["worse", "unchanged"]
    assert found[0].code.text == "Pleural Effusion: change from the prior image"
    assert float(components(found[0])["Probability: worse"].valueQuantity.value) == 0.61
    assert float(components(found[0])["Probability before"].valueQuantity.value) == 0.71


def test_number_that_is_none_is_left_out(read, exported):
    changes = tuple(replace(one, courses={"worse": float("nan")}) for one in REPORT.changes)
    report = replace(REPORT, changes=changes, provenance={"scores": {"Pleural Effusion": {"zero-shot": float("inf")}}})
    found = {one.id: components(one) for one in read(replace(exported, report=report)).contained}
    assert "Probability: worse" not in found["change-1"]
    assert not any(name.startswith("Probability") for name in found["finding-1"])


def test_reply(read, exported):
    reply = read(exported).contained[-1]
    assert (reply.code.text, reply.valueString) == ("Question: Is there an effusion?", "Yes, a left one.")
    assert float(components(reply)["Confidence in the answer"].valueQuantity.value) == 0.83


def test_codes_are_suggested(read, exported):
    found = read(exported).conclusionCode
    assert [coded(one) for one in found] == [
        [("http://hl7.org/fhir/sid/icd-10-cm", code)] for code in ("J90", "J9", "J91")
    ]
    assert {one.text for one in found} == {"Effusion. Suggested codes, never asserted."}


def test_banner_stands_where_each_release_has_room(exported):
    made = {release: diagnostic_report(exported, release) for release in MODELS}
    assert all(one["conclusion"].startswith(BANNER) and BANNER in one["text"]["div"] for one in made.values())
    assert made["R5"]["note"][0]["text"] == BANNER
    assert "note" not in made["R4B"]


def test_abstained_is_cancelled_and_finds_nothing(read, exported):
    report = read(replace(exported, report=ABSTAINED, reply=None))
    assert report.status == "cancelled"
    assert report.contained is report.result is report.conclusionCode is None
    assert report.conclusion.endswith("No report: the system abstained. Not a chest.")


def test_text_query_claims_no_imaging(read, exported):
    code = read(replace(exported, pixels=None, source=None)).code
    assert code.coding is None
    assert code.text == "Evidence for a text query; no image was looked at"


def test_names_no_patient(read, exported, release):
    report = read(exported)
    assert report.subject is None
    text = report.model_dump_json()
    assert not re.search(r"Jane|id-7|19600102|A-1|film\.dcm|1\.2\.826", text)


def test_id_follows_from_the_content(exported, release):
    first, same = diagnostic_report(exported, release), diagnostic_report(exported, release)
    assert first == same
    other = diagnostic_report(replace(exported, policy="open"), release)
    assert other["id"] != first["id"]
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f-]{21}", first["id"])


@pytest.mark.parametrize(("time", "issued"), [
    ("2026-11-26T04:00:00+00:00", "2026-11-26T04:00:00Z"), ("yesterday", None), ("2026-11-26T04:00:00", None),
    (5, None),
])  # fmt: skip
def test_time_of_issue(read, exported, time, issued):
    report = replace(REPORT, provenance={"time": time})
    assert json.loads(read(replace(exported, report=report)).model_dump_json()).get("issued") == issued


def test_nothing_in_the_narrative_is_markup(exported, release):
    made = diagnostic_report(replace(exported, report=speaking("</div><script>x</script> &")), release)
    assert set(re.findall(r"</?(\w+)", made["text"]["div"])) == {"div", "p", "b", "ul", "li"}
    assert not re.search(r"(?<!\\)<script", made.get("note", [{"text": ""}])[0]["text"])


def test_what_does_not_validate_is_not_written(exported, release):
    with pytest.raises(ValidationError):
        validated(diagnostic_report(exported, release) | {"colour": "red"}, release)


def test_snomed_codes_are_those_of_dicom():
    """DICOM PS3.16 lists some of them; pydicom carries its tables."""
    known = {code for meanings in concepts["SCT"].values() for code in meanings}
    tables = [coding.term(table, word) for table, word in (
        ("observations", "Edema"), ("observations", "Pneumothorax"), ("observations", "Pleural Effusion"),
        ("statuses", "present"), ("statuses", "uncertain"),
        ("sides", "left"), ("sides", "right"), ("sides", "bilateral"),
        ("severities", "mild"), ("severities", "moderate"), ("severities", "severe"), ("concepts", "thorax"),
        ("concepts", "laterality"), ("concepts", "severity"),
    )]  # fmt: skip
    assert [one for one in tables if one is None or one.code not in known] == []


def test_without_the_package(exported, tmp_path, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("fhir")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "fhir", None)
    with pytest.raises(MissingExtraError, match=r"fhir\.resources is not installed; run: pip install"):
        FhirExporter()(exported, tmp_path)
    assert list(tmp_path.glob("*.json")) == []
