import pytest

from medxpert.text import longest_section, normalise


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("No  acute\n disease. ", "no acute disease."),
        ("\tHEART Size\u00a0normal", "heart size normal"),
        ("Straße", "strasse"),
        ("   ", ""),
    ],
)
def test_texts_that_read_the_same_are_equal(text, expected):
    assert normalise(text) == expected


@pytest.mark.parametrize(
    ("findings", "impression", "expected"),
    [
        ("Clear lungs.", "Normal.", ("findings", "Clear lungs.")),
        ("Clear.", "No acute disease. ", ("impression", "No acute disease.")),
        ("Clear.", "Clean.", ("findings", "Clear.")),
        ("        ", "Clear.", ("impression", "Clear.")),
        ("", " ", ("findings", "")),
    ],
)
def test_longest_section_stands_for_the_study(findings, impression, expected):
    assert longest_section(findings, impression) == expected
