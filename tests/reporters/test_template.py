import random
import re
from itertools import groupby, product

import pytest

from medxpert import icd10
from medxpert.checker.draft import check
from medxpert.labeler import label_report, mentions
from medxpert.ontology import NO_FINDING, OBSERVATIONS, PATHOLOGIES, SUPPORT_DEVICES
from medxpert.reporters.template import TemplateReporter
from medxpert.reporting import Case, Draft, Verdict
from medxpert.words import Hit

NAMES = tuple(name for name in OBSERVATIONS if name != NO_FINDING)
VALUES = {"present": 1, "uncertain": -1, "absent": 0}
PROBABILITIES = {"present": 0.8, "uncertain": 0.35, "absent": 0.05, "": 0.15}
SIDES = ("", "left", "right", "bilateral")
SEVERITIES = ("", "mild", "moderate", "severe")
SIDELESS = ("Cardiomegaly", "Enlarged Cardiomediastinum", SUPPORT_DEVICES)
UNGRADED = ("Fracture", SUPPORT_DEVICES)
HITS = [Hit(rank, 0.9, f"s{rank}", f"p{rank}", "Text.", {}, rank) for rank in range(1, 5)]
FIRM = "The available evidence does not allow a firm conclusion."
FURTHER = "The available evidence does not permit further conclusions."


def verdict(name, status, side="", severity=""):
    p = PROBABILITIES[status]
    cases = ("s3", "s1", "s2", "s4") if status else ()
    return Verdict(name, status, p, side, severity, {"zero-shot": p, "cases": p, "probe": p}, cases)


def case(*told, query="", rest=""):
    """All 14 verdicts; those not told have the status `rest`, No Finding none."""
    given = {one.observation: one for one in told}
    others = {name: verdict(name, "" if name == NO_FINDING else rest) for name in OBSERVATIONS}
    return Case(tuple((others | given)[name] for name in OBSERVATIONS), HITS, query=query)


def draft(*told, **options):
    return TemplateReporter()(case(*told, **options))


def findings(*told, **options):
    """The findings as a reader sees them: equal neighbours once."""
    written = draft(*told, **options).findings
    return [sentence for sentence, _ in groupby(one.sentence for one in written)]


def impression(*told, **options):
    return list(draft(*told, **options).impression)


def read(sentence):
    return [(one.observation, one.value, one.side, one.severity) for one in mentions(sentence)]


EVERYTHING = list(product(NAMES, VALUES, SIDES, SEVERITIES))


@pytest.mark.parametrize("name", NAMES)
def test_every_finding_is_read_back_as_it_is_meant(name):
    for _, status, side, severity in (one for one in EVERYTHING if one[0] == name):
        (one,) = draft(verdict(name, status, side, severity)).findings
        assert read(one.sentence) == [(name, VALUES[status], one.laterality, one.severity)], one.sentence
        assert (one.observation, one.status) == (name, status)
        assert one.laterality == (side if status != "absent" and name not in SIDELESS else "")
        assert one.severity == (severity if status != "absent" and name not in UNGRADED else "")


@pytest.mark.parametrize("query", ["", "edema"])
@pytest.mark.parametrize("name", NAMES)
def test_every_conclusion_is_read_back_as_it_is_meant(name, query):
    for _, status, side, severity in (one for one in EVERYTHING if one[0] == name and one[1] != "absent"):
        written = draft(verdict(name, status, side, severity), query=query)
        (one,), concluded = written.findings, written.impression[0]
        assert read(concluded) == [(name, VALUES[status], one.laterality, one.severity)], concluded
        assert ("similar cases" in concluded) == bool(query)


def test_shared_denials_are_read_back():
    pairs = [pair for pair in product(NAMES, NAMES) if pair[0] < pair[1]]
    for names in [NAMES, NAMES[::2], NAMES[1::2], *pairs]:
        written = draft(*(verdict(name, "absent") for name in names)).findings
        assert sorted(one.observation for one in written) == sorted(names)
        said = [claim for sentence, _ in groupby(one.sentence for one in written) for claim in read(sentence)]
        assert sorted(said) == [(name, 0, "", "") for name in sorted(names)]


def random_case(draw, query=""):
    told = [
        verdict(name, draw.choice(("present", "uncertain", "absent", "")), draw.choice(SIDES), draw.choice(SEVERITIES))
        for name in NAMES
    ]
    return case(*told, query=query)


@pytest.mark.parametrize("query", ["", "edema"])
def test_the_checker_finds_nothing_wrong(query):
    draw = random.Random(3)
    for _ in range(60):
        given = random_case(draw, query)
        written = TemplateReporter()(given)
        checked = check(written, given)
        assert checked.problems == ()
        assert checked.impression == written.impression
        assert {one.support for one in checked.findings} <= {"supported"}


def test_the_whole_report_has_the_labels_of_the_verdicts():
    draw = random.Random(4)
    for _ in range(60):
        given = random_case(draw)
        written = TemplateReporter()(given)
        labels = label_report(" ".join([*(one.sentence for one in written.findings), *written.impression]))
        for one in given.verdicts:
            if one.observation != NO_FINDING:
                assert labels[one.observation] == VALUES.get(one.status), (one, written)


def test_a_normal_chest():
    assert findings(verdict(NO_FINDING, "present"), rest="absent") == [
        "The lungs are clear, without consolidation, pneumonia, pulmonary edema, atelectasis, nodule or other opacity.",
        "No pneumothorax, pleural effusion or pleural thickening.",
        "Heart size and mediastinal contours are normal.",
        "No fracture is seen.",
        "No support device is seen.",
    ]
    assert impression(verdict(NO_FINDING, "present"), rest="absent") == ["No acute cardiopulmonary abnormality."]


def test_findings_go_down_the_body_and_conclusions_by_urgency():
    told = (
        verdict(SUPPORT_DEVICES, "present"),
        verdict("Cardiomegaly", "present", severity="mild"),
        verdict("Pleural Effusion", "present", "left", "moderate"),
        verdict("Pneumothorax", "uncertain", "right", "mild"),
        verdict("Edema", "present", "bilateral", "severe"),
        verdict("Fracture", ""),
    )
    assert findings(*told, rest="absent") == [
        "There is severe bilateral pulmonary edema.",
        "No consolidation, pneumonia, atelectasis, pulmonary nodule or additional lung opacity.",
        "There is a moderate left pleural effusion.",
        "Possible small right pneumothorax.",
        "No pleural thickening.",
        "The heart is mildly enlarged.",
        "The mediastinal contours are normal.",
        "A support device is in place.",
    ]
    assert impression(*told, rest="absent") == [
        "Severe bilateral pulmonary edema.",
        "Moderate left pleural effusion.",
        "Mild cardiomegaly.",
        "Possible small right pneumothorax.",
    ]
    assert impression(*(verdict(name, "present") for name in PATHOLOGIES))[0] == "Pneumothorax."


@pytest.mark.parametrize(
    ("exact", "opacity", "concluded"),
    [
        (("present", "right"), ("present", "right"), ["Consolidation in the right lung."]),
        (("present", "right"), ("uncertain", ""), ["Consolidation in the right lung."]),
        (
            ("present", "left"),
            ("present", "bilateral"),
            ["Consolidation in the left lung.", "Bilateral lung opacities."],
        ),
        (("uncertain", ""), ("present", "right"), ["Right lung opacity.", "Possible consolidation."]),
        (("absent", ""), ("present", ""), ["Lung opacity."]),
    ],
)
def test_an_opacity_is_concluded_only_where_nothing_more_exact_is(exact, opacity, concluded):
    told = [verdict("Consolidation", *exact), verdict("Lung Opacity", *opacity)]
    assert impression(*told) == concluded
    assert "Lung Opacity" in [one.observation for one in draft(*told).findings]


def test_nothing_known():
    assert draft() == Draft((), (FIRM,), ())
    assert TemplateReporter()(Case((), ())).impression == (FIRM,)
    assert set(label_report(FIRM).values()) == {None}


@pytest.mark.parametrize("count", range(len(PATHOLOGIES) + 1))
@pytest.mark.parametrize("status", ["", "present", "uncertain", "absent"])
def test_normal_needs_no_finding_or_all_of_the_pathologies(count, status):
    told = [verdict(NO_FINDING, status), *(verdict(name, "absent") for name in PATHOLOGIES[:count])]
    normal = impression(*told) == ["No acute cardiopulmonary abnormality."]
    assert normal == (status == "present" or (not status and count == len(PATHOLOGIES)))
    assert len(draft(*told).findings) == max(count, status == "present")


def test_the_little_that_is_known_is_told():
    told = [verdict(name, "absent") for name in ("Pneumothorax", "Cardiomegaly", "Lung Lesion", SUPPORT_DEVICES)]
    assert impression(*told) == ["No pulmonary nodule, pneumothorax or cardiomegaly.", FURTHER]


def test_no_finding_alone():
    (one,) = draft(verdict(NO_FINDING, "present", "left", "mild")).findings
    assert (one.observation, one.status, one.sentence) == (NO_FINDING, "present", "No abnormality is seen.")
    assert (one.laterality, one.severity) == ("", "")
    assert impression(verdict(NO_FINDING, "present")) == ["No acute cardiopulmonary abnormality."]
    assert label_report(one.sentence)[NO_FINDING] == 1


@pytest.mark.parametrize(
    ("status", "rest", "concluded"),
    [
        ("present", "", ["Support device in place.", FURTHER]),
        ("present", "absent", ["No acute cardiopulmonary abnormality.", "Support device in place."]),
        ("uncertain", "", ["Possible support device in place.", FURTHER]),
        ("absent", "", [FIRM]),
    ],
)
def test_devices_only(status, rest, concluded):
    assert impression(verdict(SUPPORT_DEVICES, status), rest=rest) == concluded


def test_a_text_query_speaks_of_the_cases():
    told = [verdict("Pleural Effusion", "present", "bilateral"), verdict("Cardiomegaly", "uncertain")]
    assert impression(*told, query="effusion") == [
        "The similar cases show bilateral pleural effusions.",
        "The similar cases may show cardiomegaly.",
    ]
    assert impression(rest="absent", query="x") == ["The similar cases show no acute cardiopulmonary abnormality."]
    few = map(verdict, ("Edema", "Fracture"), ("absent", "absent"))
    assert impression(*few, query="x") == ["The similar cases show no pulmonary edema or fracture.", FURTHER]


def test_evidence_is_the_nearest_cases_and_the_scores():
    first, second = draft(verdict("Edema", "present"), verdict("Fracture", "absent")).findings
    assert first.evidence == second.evidence == ("s3", "s1", "s2", "zero-shot", "cases", "probe")
    assert first.support is None


def test_diagnoses_are_those_of_the_verdicts():
    given = case(verdict("Edema", "present"), verdict("Pneumonia", "uncertain"), rest="absent")
    written = TemplateReporter()(given).diagnoses
    assert len(written) == 2
    assert written == icd10.diagnoses(given.verdicts)


def test_codes_follow_the_sentences():
    (thickening, fracture) = draft(
        verdict("Pleural Other", "present"), verdict("Fracture", "present", "left")
    ).diagnoses
    assert (thickening.name, thickening.icd10[0].code) == ("Pleural thickening", "J92")
    assert (fracture.name, fracture.icd10[0].code) == ("Fracture", "R93.7")


def test_sentences_are_sentences():
    draw = random.Random(6)
    for query in ["", "x"] * 60:
        written = TemplateReporter()(random_case(draw, query))
        for sentence in [*(one.sentence for one in written.findings), *written.impression]:
            assert re.fullmatch(r"[A-Z][a-z-]*(,? [a-z-]+)*\.", sentence), sentence
