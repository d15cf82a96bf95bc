import pytest

from medxpert.checker.reading import Claim
from medxpert.checker.weighing import weigh, weigh_denial, worst
from medxpert.ontology import NO_FINDING, PATHOLOGIES
from medxpert.reporting import Verdict

NAME = "Edema"


def told(status, probability, **changes):
    return Verdict(NAME, status, probability, **changes)


@pytest.mark.parametrize(
    ("said", "status", "probability", "kind", "level"),
    [
        ("present", "present", 0.9, "", "supported"),
        ("present", "uncertain", 0.3, "overstated", "weak"),
        ("present", "absent", 0.02, "contradicted", "unsupported"),
        ("present", "", 0.15, "unfounded", "unsupported"),
        ("present", "", 0.5, "overstated", "weak"),
        ("uncertain", "present", 0.9, "understated", "weak"),
        ("uncertain", "uncertain", 0.3, "", "supported"),
        ("uncertain", "absent", 0.02, "contradicted", "unsupported"),
        ("uncertain", "", 0.15, "overstated", "weak"),
        ("absent", "present", 0.9, "contradicted", "unsupported"),
        ("absent", "uncertain", 0.3, "overstated", "weak"),
        ("absent", "absent", 0.02, "", "supported"),
        ("absent", "", 0.15, "overstated", "weak"),
        ("absent", "", 0.5, "contradicted", "unsupported"),
        ("present", "", None, "unfounded", "unsupported"),
        ("uncertain", "", None, "unfounded", "unsupported"),
        ("absent", "", None, "unfounded", "unsupported"),
    ],
)
def test_the_table(said, status, probability, kind, level):
    faults = weigh(Claim(NAME, said), told(status, probability))
    assert [fault.kind for fault in faults] == ([kind] if kind else [])
    assert worst(fault.level for fault in faults) == level


@pytest.mark.parametrize(
    ("side", "known", "kinds"),
    [
        ("left", "right", []),
        ("right", "left", []),
        ("left", "left", ["contradicted"]),
        ("left", "bilateral", ["contradicted"]),
        ("left", "", ["contradicted"]),
        ("", "right", ["contradicted"]),
        ("bilateral", "right", ["contradicted"]),
    ],
)
def test_an_absence_has_a_side(side, known, kinds):
    faults = weigh(Claim(NAME, "absent", side), told("present", 0.9, laterality=known))
    assert [fault.kind for fault in faults] == kinds


def test_sides_count_only_where_something_is_there():
    assert weigh(Claim(NAME, "absent", "left"), told("absent", 0.02)) == []


def test_contradictory_sources_are_named_once():
    verdict = told("present", 0.9, contradictory=True, scores={"probe": 0.9, "cases": 0.1})
    (fault,) = weigh(Claim(NAME, "present"), verdict)
    assert fault == ("contradictory_evidence", "weak", "Edema: probe 90%, cases 10%")
    assert [one.kind for one in weigh(Claim(NAME, "absent"), verdict)] == ["contradicted"]


def verdicts(absent, others="", no_finding=""):
    rest = [Verdict(name, "absent" if n < absent else others, 0.1) for n, name in enumerate(PATHOLOGIES)]
    return {one.observation: one for one in (Verdict(NO_FINDING, no_finding, 0.5), *rest)}


@pytest.mark.parametrize(
    ("known", "level"),
    [
        (verdicts(12), "supported"),
        (verdicts(11), "weak"),
        (verdicts(5), "weak"),
        (verdicts(0, no_finding="present"), "supported"),
        (verdicts(11, "uncertain"), "weak"),
        (verdicts(11, "present"), "unsupported"),
        ({}, "unsupported"),
    ],
)
def test_general_denials(known, level):
    assert worst(fault.level for fault in weigh_denial(PATHOLOGIES, known)) == level
