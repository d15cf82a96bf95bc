from medxpert.report import NOTICE, render
from medxpert.words import Finding, Report


def test_render():
    finding = Finding("Edema", "present", "Pulmonary edema.", 0.75, ("s1", "s2"))
    text = render(Report((finding,), "Suggested: edema.", "template", NOTICE))
    assert text.startswith("**Research use only, not for diagnosis.**\n")
    assert "- Pulmonary edema. (75% of votes; evidence: s1, s2)\n" in text
    assert "## Impression\n\nSuggested: edema.\n" in text


def test_no_heading_without_findings():
    assert "## Findings" not in render(Report((), "Nothing.", "template", NOTICE))
