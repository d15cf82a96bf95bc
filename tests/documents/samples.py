"""Reports to lay out."""

from medxpert.exchange import Reply
from medxpert.reporting import Change, Code, Diagnosis, Finding, Problem, Report, Verdict

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
BEFORE = Verdict(
    "Pleural Effusion", "present", 0.71, "left", "mild", {"zero-shot": 0.6}, ("s2",), False,
    {"left": 0.9, "right": 0.06, "bilateral": 0.04}, {"mild": 0.7, "moderate": 0.2, "severe": 0.1},
)  # fmt: skip
NOW = Verdict("Pleural Effusion", "present", 0.88, "left", "moderate", {"probe": 0.91}, ("s1", "s2"), True)
COURSES = {"new": 0.05, "resolved": 0.02, "worse": 0.61, "better": 0.1, "unchanged": 0.22}
CHANGES = (
    Change(
        "Edema", "unchanged", 0.97, {"new": 0.02, "unchanged": 0.97, "resolved": 0.01, "worse": 0.0, "better": 0.0},
        Verdict("Edema", "absent", 0.03), Verdict("Edema", "", 0.15),
    ),
    Change("Fracture", "", None, {}, Verdict("Fracture"), Verdict("Fracture", "absent", 0.02)),
    Change("Pleural Effusion", "worse", 0.61, COURSES, BEFORE, NOW),
)  # fmt: skip
REPORT = Report(
    technique="Frontal (PA) radiograph.",
    comparison="The effusion is worse.",
    findings=(SUPPORTED, WEAK, UNSUPPORTED, *ABSENT),
    impression=("Moderate left effusion.", "Nodule. [unsupported]"),
    diagnoses=(
        Diagnosis(
            "Effusion",
            (
                Code("J90", "Pleural effusion, not elsewhere classified", True),
                Code("J9", "J", False),
                Code("J91", "K", False, ("acute or chronic", "of what")),
            ),
        ),
        Diagnosis("Tumour [weak support]"),
    ),
    limitations=("One image alone.",),
    reporter="template",
    problems=(PROBLEM,),
    changes=CHANGES,
    caption="A small effusion.",
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


REPLY = Reply(
    "Is there a left effusion?", "Yes, a left pleural effusion is seen.", 0.83, ("zero-shot", "s1"), True, "template",
    "yes", "presence", (PROBLEM,),
)  # fmt: skip


def speaking(words: str, abstained: bool = False) -> Report:
    """Return a report whose every text is the same."""
    return Report(
        technique=words,
        comparison=words,
        findings=(Finding(words, "present", words, "left", "mild", (words, "s1", f"case {words}"), "supported"),),
        impression=(words,),
        diagnoses=(Diagnosis(words, (Code(words, words, False, (words,)),)),),
        limitations=(words,),
        reporter=words,
        abstained=abstained,
        abstain_reason=words,
        fallback_reason=words,
        problems=(Problem(words, words, words, words, "marked"),),
        changes=(_change(words),),
        caption=words,
        provenance={"run": words, "policy": words, words: {words: [words]}, "scores": {words: {words: 0.5}}},
    )


def _change(words: str) -> Change:
    verdict = Verdict(words, "present", 0.5, "left", "mild", {words: 0.5}, (words,))
    return Change(words, "new", 0.5, {"new": 0.5}, verdict, verdict)


def replying(words: str) -> Reply:
    """Return a reply whose every text is the same."""
    return Reply(
        words, words, 0.5, (words,), True, words,
        problems=(Problem(words, words, words, words, "marked"),), fallback_reason=words,
    )  # fmt: skip
