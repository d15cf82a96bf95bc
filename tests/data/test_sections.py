import numpy as np
import pytest

from medxpert.data.sections import Reports, TextDraw, lacks, read_reports, section, write_reports
from medxpert.errors import ConfigError
from medxpert.words import Study

LONG, SHORT = "A long text of findings.", "Short."


@pytest.mark.parametrize(
    ("text", "findings", "impression", "expected"),
    [
        ("longest", LONG, SHORT, ("findings", LONG)),
        ("longest", SHORT, LONG, ("impression", LONG)),
        ("findings", SHORT, LONG, ("findings", SHORT)),
        ("impression", LONG, SHORT, ("impression", SHORT)),
        ("both", LONG, SHORT, ("both", f"{LONG} {SHORT}")),
        ("findings", " ", SHORT, ("impression", SHORT)),
        ("impression", LONG, "", ("findings", LONG)),
        ("both", "", SHORT, ("impression", SHORT)),
        ("both", "", "", ("findings", "")),
    ],
)
def test_section(text, findings, impression, expected):
    assert section(findings, impression, text) == expected


@pytest.mark.parametrize(
    ("text", "findings", "impression", "expected"),
    [
        ("findings", "", SHORT, True),
        ("findings", LONG, "", False),
        ("impression", LONG, " ", True),
        ("both", LONG, "", True),
        ("two_sections", LONG, "", True),
        ("longest", LONG, "", False),
        ("random_section", LONG, "", False),
    ],
)
def test_lacks(text, findings, impression, expected):
    assert lacks(findings, impression, text) == expected


def draws(draw, findings=LONG, impression=SHORT, count=40):
    return {draw(findings, impression, np.random.default_rng(seed)) for seed in range(count)}


def test_fixed_sections_are_not_random():
    for text, expected in (("longest", LONG), ("impression", SHORT), ("both", f"{LONG} {SHORT}")):
        assert draws(TextDraw(text)) == {(expected,)}


def test_random_section():
    assert draws(TextDraw("random_section")) == {(LONG,), (SHORT,)}
    assert draws(TextDraw("random_section"), impression=" ") == {(LONG,)}


def test_two_sections():
    assert draws(TextDraw("two_sections")) == {(LONG, SHORT)}
    assert draws(TextDraw("two_sections"), findings="") == {(SHORT, SHORT)}


def test_sentences_are_drawn_and_shuffled():
    told = "One is here. Two is here. Three is here."
    assert len(draws(TextDraw("findings", shuffle_sentences=True), told)) == 6
    assert len(draws(TextDraw("findings", max_sentences=2), told)) == 3
    assert len(draws(TextDraw("findings", max_sentences=2, shuffle_sentences=True), told, count=200)) == 6


def test_max_sentences_is_positive():
    with pytest.raises(ConfigError, match=r"loader.max_sentences=0 must be at least 1"):
        TextDraw(max_sentences=0)


def test_reports_on_disk(tmp_path):
    studies = [Study("a", "", (), LONG, SHORT), Study("b", "", (), "", "nan", weight=2.5)]
    write_reports(tmp_path / "reports.parquet", Reports.of(studies))
    found = read_reports(tmp_path / "reports.parquet")
    assert (found.findings, found.impressions, found.weights.tolist()) == ([LONG, ""], [SHORT, "nan"], [1.0, 2.5])
