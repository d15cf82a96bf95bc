"""Reports of all sources look alike."""

import pytest

from medxpert.rating.shaping import Shaped, Text, of_plain, of_report, plain, shaped
from medxpert.reporting import Finding, Report


def test_a_drafted_report_says_each_sentence_once_and_bears_no_marks():
    sentence = "No effusion or pneumothorax."
    findings = (
        Finding("Pleural Effusion", "absent", sentence, support="unsupported"),
        Finding("Pneumothorax", "absent", sentence),
    )
    report = Report("", "", findings, ("Normal chest. [weak support]",), (), (), "template")

    assert of_report(report) == Text(sentence, "Normal chest.")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The HEART is normal [unsupported]. Lungs clear", "The HEART is normal. Lungs clear."),
        ("1. Small effusion.\n2. No fracture.", "Small effusion. No fracture."),
        ("**Findings** are `few`.", "Findings are few."),
        ("HEART SIZE IS NORMAL. LUNGS ARE CLEAR.", "Heart size is normal. Lungs are clear."),
        ("There is ___ a small effusion.", "There is a small effusion."),
        ("Compared with the prior study, there is a new effusion.", "There is an effusion."),
        ("No significant interval change.", ""),
        ("", ""),
    ],
)
def test_sections_become_plain_sentences(text, expected):
    assert plain(text) == expected


def test_reports_show_the_sections_that_all_have():
    whole, half = Text("Effusion.", "Small effusion."), Text("Pneumonia.", "")

    assert shaped({"a": whole, "b": whole}) == dict.fromkeys("ab", Shaped("Effusion.", "Small effusion.", False))
    assert shaped({"a": whole, "b": half}) == {
        "a": Shaped("Effusion.", "", True),
        "b": Shaped("Pneumonia.", "", True),
    }


def test_without_a_common_section_each_shows_its_longer_one():
    found = shaped({"a": Text("Small effusion.", "No."), "b": Text("", "Normal."), "c": Text("Clear.", "")})

    assert found == {
        "a": Shaped("Small effusion.", "", True),
        "b": Shaped("Normal.", "", True),
        "c": Shaped("Clear.", "", True),
    }


def test_a_source_that_says_nothing_is_absent():
    assert shaped({"a": Text("Clear.", ""), "b": Text("[unsupported]", "No interval change.")}) == {
        "a": Shaped("Clear.", "", True)
    }
    assert shaped({}) == {}


def test_imported_text_is_read_by_its_headers():
    assert of_plain("FINDINGS: Clear.\nIMPRESSION: Normal.") == Text("Clear.", "Normal.")
    assert of_plain("Lungs are clear.") == Text("Lungs are clear.", "")
