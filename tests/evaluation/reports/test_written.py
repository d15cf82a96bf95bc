import numpy as np

from medxpert.checker.draft import check
from medxpert.evaluation.reports.written import lying, text_of
from medxpert.ontology import NO_FINDING, OBSERVATIONS
from medxpert.reporters.template import TemplateReporter
from medxpert.reporting import Case, Draft, Finding, Verdict


def test_a_sentence_that_several_findings_share_is_printed_once():
    shared = "No edema or fracture."
    findings = (
        Finding("Edema", "absent", shared),
        Finding("Fracture", "absent", shared),
        Finding("Pneumonia", "present", "There is pneumonia."),
        Finding("Edema", "absent", shared),
    )
    assert text_of(Draft(findings, ("Pneumonia.", "Pneumonia."))) == (
        "No edema or fracture. There is pneumonia. No edema or fracture. Pneumonia. Pneumonia."
    )


def test_an_empty_draft_is_an_empty_text():
    assert text_of(Draft((), ())) == ""


def test_a_planted_assertion_is_written_and_the_checker_takes_it_out():
    silent = {"Edema": "", NO_FINDING: ""}
    verdicts = tuple(Verdict(name, silent.get(name, "absent"), 0.01, scores={"probe": 0.01}) for name in OBSERVATIONS)
    case, generator = Case(verdicts, ()), np.random.default_rng(0)
    planted = set()
    for _ in range(60):
        draft = lying(case, generator)
        (lie,) = [finding for finding in draft.findings if finding.status == "present"]
        planted.add(lie.observation)
        kept = check(draft, case, "drop")
        assert "present" not in {finding.status for finding in kept.findings}
        assert lie.sentence not in text_of(Draft(kept.findings, kept.impression))
    assert planted == set(OBSERVATIONS) - {NO_FINDING}
    everything = Case(tuple(Verdict(name, "present", 0.9) for name in OBSERVATIONS), ())
    assert lying(everything, generator) == TemplateReporter()(everything)
