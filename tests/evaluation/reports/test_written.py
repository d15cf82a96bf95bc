from medxpert.evaluation.reports.written import text_of
from medxpert.reporting import Draft, Finding


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
