"""What is printed of a report after somebody reviewed it."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from medxpert.checker.draft import check
from medxpert.errors import DataError
from medxpert.ontology import OBSERVATIONS
from medxpert.reporters.template import TemplateReporter
from medxpert.reporting import Case, Code, Diagnosis, Report, Verdict
from medxpert.reviewing import REVIEW, Decision, Review, as_json, decided, from_json, reviewed
from medxpert.words import Hit

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
KNOWN = {
    "Pleural Effusion": (0.8, "left", "mild"),
    "Edema": (0.9, "", "severe"),
    "Atelectasis": (0.3, "", ""),
    "Pneumothorax": (0.02, "", ""),
    "Fracture": (0.01, "", ""),
    "Pleural Other": (0.05, "", ""),
}


def drafted() -> Report:
    """Return a report by the template reporter: effusion and edema, possible atelectasis, some absences."""
    status = {name: "present" if p >= 0.4 else "uncertain" if p >= 0.2 else "absent" for name, (p, *_) in KNOWN.items()}
    verdicts = tuple(
        Verdict(name, status[name], *KNOWN[name], {"zero-shot": KNOWN[name][0]}, ("s1",))
        if name in KNOWN
        else Verdict(name)
        for name in OBSERVATIONS
    )
    case = Case(verdicts, (Hit(1, 0.9, "s1", "p1", "", {}, 0),))
    checked = check(TemplateReporter()(case), case)
    told = {name: value[0] for name, value in KNOWN.items()}
    scores = {name: {"zero-shot": value} for name, value in told.items()}
    provenance = {"policy": "open", "probabilities": told, "scores": scores}
    return Report("T.", "None.", *checked[:3], (), "template", problems=checked.problems, provenance=provenance)


def deciding(report: Report, **choices: Decision) -> Review:
    named = {name.replace("_", " "): one for name, one in choices.items()}
    return Review(tuple(named.get(one.observation, Decision()) for one in report.findings))


def after(report: Report, review: Review) -> Report:
    return reviewed(report, review, "Dr. A", NOON)


def test_an_untouched_report_is_printed_as_it_was_drafted():
    report = drafted()
    now = after(report, Review())

    assert replace(now, provenance=report.provenance) == report
    assert {one.support for one in report.findings} == {"supported"}


def test_a_rejected_finding_is_gone_from_findings_impression_and_diagnoses_and_is_counted():
    report = drafted()
    now = after(report, deciding(report, Edema=Decision("rejected"), Pleural_Effusion=Decision("accepted")))

    assert "Severe pulmonary edema." in report.impression
    assert "Edema" not in {one.observation for one in now.findings}
    assert not [line for line in now.impression if "edema" in line]
    assert not [one.name for one in now.diagnoses if "edema" in one.name.lower()]
    assert now.provenance[REVIEW] == {
        "who": "Dr. A", "when": "2026-03-01T12:00:00+00:00", "open": len(report.findings) - 2, "accepted": 1,
        "edited": 0, "rejected": 1, "impression": "as drafted", "codes ticked": [],
    }  # fmt: skip
    kinds = {(one.kind, one.action) for one in now.problems}
    assert kinds == {("omitted", "noted"), ("contradiction", "dropped")}


@pytest.mark.parametrize(
    ("sentence", "support"),
    [
        ("There is a small left pleural effusion.", "supported"),
        ("There is a left pleural effusion.", "supported"),
        ("There is a pleural effusion.", "supported"),
        ("There is a moderate left pleural effusion.", "weak"),
        ("There is a right pleural effusion.", "unsupported"),
        ("No pleural effusion.", "unsupported"),
        ("Possible left pleural effusion.", "weak"),
        ("Something is odd here.", "unsupported"),
        ("Stable left pleural effusion.", "weak"),
    ],
)
def test_an_edited_sentence_is_weighed_against_the_evidence_of_the_report(sentence, support):
    report = drafted()
    now = after(report, deciding(report, Pleural_Effusion=Decision("edited", f" {sentence} ")))
    found = [one for one in now.findings if one.sentence == sentence]

    assert [one.support for one in found] == [support]
    assert "There is a small left pleural effusion." in {one.sentence for one in report.findings}


def test_the_fields_of_an_edited_finding_say_what_its_sentence_says():
    report = drafted()
    words = "There is a large right pleural effusion and a pneumothorax."
    now = after(report, deciding(report, Pleural_Effusion=Decision("edited", words)))
    found = {one.observation: one for one in now.findings if one.sentence == words}

    assert (found["Pleural Effusion"].laterality, found["Pleural Effusion"].severity) == ("right", "severe")
    assert found["Pneumothorax"].status == "present"
    assert found["Pneumothorax"].support == "unsupported"
    assert "mismatch" not in {one.kind for one in now.problems}


def test_what_an_edited_sentence_leaves_out_is_no_finding_any_more():
    report = drafted()
    shared = next(one.sentence for one in report.findings if one.observation == "Pneumothorax")
    assert "pleural thickening" in shared
    now = after(report, deciding(report, Pneumothorax=Decision("edited", "No pneumothorax.")))

    assert "Pleural Other" not in {one.observation for one in now.findings}
    assert next(one for one in now.findings if one.observation == "Pneumothorax").support == "supported"


def test_findings_of_one_sentence_share_the_strictest_fate():
    report = drafted()
    review = deciding(report, Pneumothorax=Decision("rejected"), Pleural_Other=Decision("accepted"))
    fate = next(one for one in decided(report, review) if one.findings[0].observation == "Pneumothorax")

    assert (fate.choice, len(fate.findings)) == ("rejected", 2)
    assert {"Pneumothorax", "Pleural Other"}.isdisjoint(one.observation for one in after(report, review).findings)


@pytest.mark.parametrize("sentence", ["", "   ", "There is a small left pleural effusion."])
def test_an_edit_that_changes_nothing_is_none(sentence):
    report = drafted()
    review = deciding(report, Pleural_Effusion=Decision("edited", sentence))

    assert review.counts(report)["edited"] == 0
    assert after(report, review).findings == report.findings


def test_an_impression_that_speaks_against_an_edited_finding_is_marked():
    report = drafted()
    words = "There is a small right pleural effusion."
    now = after(report, deciding(report, Pleural_Effusion=Decision("edited", words)))

    assert "Small left pleural effusion. [unsupported]" in now.impression
    assert "the reader says present, right, mild" in next(p.detail for p in now.problems if p.where == "impression")


def test_an_edited_impression_replaces_the_old_one_and_is_checked():
    report = drafted()
    lines = ("Small left pleural effusion.", "Pneumothorax.", "  ")
    now = after(report, replace(Review(), impression=lines))

    assert now.impression == ("Small left pleural effusion.", "Pneumothorax. [unsupported]")
    assert now.provenance[REVIEW]["impression"] == "edited"


def test_only_ticked_codes_stay_where_any_was_ticked():
    report = drafted()
    codes = {
        code.code for one in after(report, replace(Review(), codes=frozenset({"J90"}))).diagnoses for code in one.icd10
    }
    every = {code.code for one in report.diagnoses for code in one.icd10}

    assert codes == {"J90"}
    assert len(every) > 2
    assert after(report, Review()).diagnoses == report.diagnoses


def test_a_ticked_code_of_a_rejected_finding_goes_with_it():
    report = replace(drafted(), diagnoses=(Diagnosis("Pulmonary edema", (Code("J81", "Pulmonary edema", False),)),))
    review = deciding(report, Edema=Decision("rejected"))

    assert after(report, review).diagnoses == ()
    assert after(report, replace(review, codes=frozenset({"J81"}))).diagnoses == ()
    assert after(report, replace(Review(), codes=frozenset({"J81"}))).diagnoses == report.diagnoses


def test_once_anything_is_decided_only_ticked_codes_are_told():
    report = replace(drafted(), diagnoses=(Diagnosis("Pulmonary edema", (Code("J81", "Pulmonary edema", False),)),))
    accepted = deciding(report, Edema=Decision("accepted"))

    assert after(report, accepted).diagnoses == (Diagnosis("Pulmonary edema"),)
    assert after(report, replace(accepted, codes=frozenset({"J81"}))).diagnoses == report.diagnoses


def test_a_review_of_another_report_is_refused():
    report = drafted()
    with pytest.raises(DataError, match=rf"expected {len(report.findings)} decisions, one per finding, found 1"):
        after(report, Review((Decision(),)))


def test_an_abstained_report_stays_one():
    report = Report("T.", "None.", (), (), (), (), "none", abstained=True, abstain_reason="No chest.")

    assert replace(after(report, Review()), provenance={}) == report


def test_a_review_comes_back_from_json():
    review = Review((Decision("edited", "a"), Decision()), frozenset({"J90", "J81"}), ("b", "c"), "note")

    assert from_json(as_json(review)) == review
    assert from_json(as_json(Review())) == Review()


@pytest.mark.parametrize(
    "change",
    [{"decisions": [{"choice": "maybe", "sentence": ""}]}, {"codes": "J90"}, {"impression": [1]}, {"note": None}],
)
def test_broken_json_of_a_review_is_refused(change):
    with pytest.raises(DataError, match="review it anew"):
        from_json(as_json(Review()) | change)
    with pytest.raises(DataError, match="review it anew"):
        from_json([])
