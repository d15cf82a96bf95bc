"""Reports to lay out."""

from medxpert.reporting import Code, Diagnosis, Finding, Problem, Report

SHARED = "No pneumothorax or fracture."
SUPPORTED = Finding(
    "Pleural Effusion", "present", "Moderate left effusion.", "left", "moderate", ("zero-shot", "s1", "s2"), "supported"
)
WEAK = Finding("Edema", "uncertain", "Possible edema.", "", "mild", ("cases", "s2"), "weak")
UNSUPPORTED = Finding("Lung Lesion", "present", "Nodule on the right.", "right", "", (), "unsupported")
ABSENT = (
    Finding("Pneumothorax", "absent", SHARED, evidence=("s3",), support="supported"),
    Finding("Fracture", "absent", SHARED, evidence=("s3", "s4"), support="supported"),
)
PROBLEM = Problem("unknown_evidence", "findings", "s99", "cited for Edema", "dropped")
REPORT = Report(
    technique="Frontal (PA) radiograph.",
    comparison="None.",
    findings=(SUPPORTED, WEAK, UNSUPPORTED, *ABSENT),
    impression=("Moderate left effusion.", "Nodule. [unsupported]"),
    diagnoses=(
        Diagnosis(
            "Effusion", (Code("J90", "Pleural effusion, not elsewhere classified", True), Code("J9", "J", False))
        ),
        Diagnosis("Tumour [weak support]"),
    ),
    limitations=("One image alone.",),
    reporter="template",
    problems=(PROBLEM,),
    provenance={
        "run": "a run",
        "policy": "credentialed",
        "model_id": "",
        "index": {"count": 3, "split": "train"},
        "pixels_sent": False,
        "scores": {"Pleural Effusion": {"zero-shot": 0.831, "probe": 0.4}, "Edema": {"cases": 0.35}},
    },
)
FALLBACK = Report("T.", "None.", (SUPPORTED,), (), (), (), "template", fallback_reason="gemini: the quota is used up")
ABSTAINED = Report(
    "T.", "None.", (), (), (), ("Few cases.",), "none", abstained=True, abstain_reason="Not a chest.",
    provenance={"policy": "open", "abstention": {"score": 2.5, "threshold": 1.5}},
)  # fmt: skip


def speaking(words: str, abstained: bool = False) -> Report:
    """Return a report whose every text is the same."""
    return Report(
        technique=words,
        comparison=words,
        findings=(Finding(words, "present", words, "left", "mild", (words, "s1", f"case {words}"), "supported"),),
        impression=(words,),
        diagnoses=(Diagnosis(words, (Code(words, words, True),)),),
        limitations=(words,),
        reporter=words,
        abstained=abstained,
        abstain_reason=words,
        fallback_reason=words,
        problems=(Problem(words, words, words, words, "marked"),),
        provenance={"run": words, "policy": words, words: {words: [words]}, "scores": {words: {words: 0.5}}},
    )
