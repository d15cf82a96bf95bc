import itertools

import pytest

from medxpert.errors import ConfigError
from medxpert.ontology import NO_FINDING, OBSERVATIONS, PATHOLOGIES
from medxpert.reporters.template import TemplateReporter
from medxpert.words import Hit


def hits(*labels, scores=None):
    scores = scores or itertools.repeat(0.8)
    return [
        Hit(rank, score, f"s{rank}", f"p{rank}", f"Text {rank}.", own, rank)
        for rank, (own, score) in enumerate(zip(labels, scores, strict=False), 1)
    ]


def finding(report, name):
    return next((f for f in report.findings if f.observation == name), None)


def edema(*values, **options):
    own = [{} if value is None else {"Edema": value} for value in values]
    return finding(TemplateReporter()(hits(*own, **options)), "Edema")


@pytest.mark.parametrize(
    ("values", "status", "support", "evidence"),
    [
        ([1, 0], "present", 0.5, ("s1",)),
        ([1, 1, 0, 0], "present", 0.5, ("s1", "s2")),
        ([1, 0, 0, None], "absent", 2 / 3, ("s2", "s3")),
        ([1, 1, 0, 0, 0], "uncertain", 0.4, ("s1", "s2")),
        ([-1, -1, 0], "uncertain", 2 / 3, ("s1", "s2")),
        ([1, -1, 0, 0], "uncertain", 0.5, ("s1", "s2")),
        ([0, 0], "absent", 1.0, ("s1", "s2")),
        ([1, None, None], "present", 1.0, ("s1",)),
    ],
)
def test_vote(values, status, support, evidence):
    found = edema(*values)
    assert (found.status, found.evidence) == (status, evidence)
    assert found.support == pytest.approx(support)


def test_a_lone_mention_is_not_believed():
    assert edema(1, None, None, None) is None
    assert edema(*[1] * 3, *[None] * 7).status == "present"


def test_similarity_weighs():
    assert edema(1, 0, 0, scores=[0.9, 0.4, 0.4]).status == "present"
    assert edema(0, 1, 1, scores=[0.9, 0.1, 0.1]).status == "absent"


def test_dissimilar_hits_have_no_vote():
    assert edema(1, 1, scores=[0.5, -0.5]).evidence == ("s1",)
    assert edema(1, 0, scores=[-0.5, -0.5]).support == 0.5


def test_no_finding_votes_against_pathologies():
    report = TemplateReporter()(hits({NO_FINDING: 1}, {NO_FINDING: 1, "Support Devices": 1}, {"Edema": 1}))
    assert finding(report, "Edema").status == "absent"
    assert finding(report, "Edema").evidence == ("s1", "s2")
    assert finding(report, NO_FINDING) is None
    assert finding(report, "Support Devices").status == "present"
    assert "No acute cardiopulmonary abnormality suggested by the similar cases." in report.impression


def test_a_mention_counts_more_than_no_finding():
    report = TemplateReporter()(hits({NO_FINDING: 1, "Pleural Other": 1}))
    assert finding(report, "Pleural Other").status == "present"


def test_impression_names_the_abnormal():
    report = TemplateReporter()(hits({"Pleural Effusion": 1, "Cardiomegaly": 1, "Edema": -1, "Fracture": 0}))
    assert report.impression == (
        "Suggested by the similar cases: cardiomegaly, pleural effusion. Possible: pulmonary edema."
    )
    assert report.notice == "Research use only, not for diagnosis."
    assert report.reporter == "template"


def test_abnormal_cases_that_disagree_are_not_called_normal():
    own = [{name: 1, "Pneumothorax": 0} for name in ("Edema", "Fracture", "Pneumonia", "Atelectasis")]
    report = TemplateReporter()(hits(*own))
    assert [f.status for f in report.findings] == ["absent"]
    assert "agree on no abnormality; nearest report, study s1: Text 1." in report.impression


@pytest.mark.parametrize("own", [[{}, {}], [{"Edema": 1}, {}, {}, {}]])
def test_too_few_labels(own):
    report = TemplateReporter()(hits(*own))
    assert report.findings == ()
    assert "too few labels" in report.impression
    assert report.impression.endswith("nearest report, study s1: Text 1.")


def test_no_hits():
    report = TemplateReporter()([])
    assert report.findings == ()
    assert report.impression == "No similar case was found, so nothing can be said."


def test_braces_in_texts_are_text():
    case = Hit(1, 0.5, "s1", "p1", "A {study} {0}.", {}, 0)
    assert TemplateReporter()([case]).impression.endswith("A {study} {0}.")


@pytest.mark.parametrize("value", [1, 0, -1])
def test_every_observation_has_its_sentence(value):
    report = TemplateReporter()(hits(dict.fromkeys(OBSERVATIONS, value)))
    assert [f.observation for f in report.findings] == [name for name in OBSERVATIONS if name != NO_FINDING]
    assert len({f.sentence for f in report.findings}) == len(PATHOLOGIES) + 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"present": 0.2}, "found uncertain=0.35 and present=0.2"),
        ({"uncertain": 0.0}, "expected 0 < uncertain <= present <= 1"),
        ({"present": 1.5}, "found uncertain=0.35 and present=1.5"),
        ({"quorum": -0.1}, "reporter.quorum: expected 0 to 1, found -0.1"),
    ],
)
def test_bad_bounds(options, message):
    with pytest.raises(ConfigError, match=message):
        TemplateReporter(**options)
