import io
from dataclasses import replace

import pytest
from documents.samples import ABSTAINED, FALLBACK, REPORT, SHARED, speaking
from rich.console import Console

from medxpert.documents.terminal import panel
from medxpert.report import NOTICE


def printed(report, width=120, colours=False):
    console = Console(
        file=io.StringIO(), width=width, force_terminal=colours, color_system="standard" if colours else None
    )
    console.print(panel(report))
    return console.file.getvalue()


def squeezed(text):
    return " ".join(text.replace("─", " ").split())


@pytest.mark.parametrize(
    "told",
    [
        f"{NOTICE} Policy: credentialed.", "Moderate left effusion.", "Pleural Effusion: present, left, moderate",
        "+ supported", "~ weak support", "! unsupported", "zero-shot 0.83, 2 citations", "cases 0.35, 1 citation",
        "no evidence", "Pneumothorax: 1 citation", "Nodule. [unsupported]", "J90 Pleural effusion, not elsewhere",
        "J91 K (not billable; still to be stated: acute or chronic; of what)",
        "COMPARISON The effusion is worse.", "Pleural Effusion worse 0.61 0.71, present, left, mild 0.88, present,",
        "CAPTION A small effusion. A machine's caption of the image: evidence of limited trust, not a finding.",
        "Tumour [weak support]", "Check: 1 problem found: 1 dropped.", "Written by: template",
    ],
)  # fmt: skip
def test_everything_is_told(told):
    assert told in squeezed(printed(REPORT))


def test_what_did_not_change_has_no_line():
    assert "unchanged" not in printed(REPORT)
    assert "COMPARISON" not in printed(FALLBACK)
    assert "CAPTION" not in printed(FALLBACK)


def test_neighbours_share_their_sentence():
    assert printed(REPORT).count(SHARED) == 1


def test_an_unchecked_finding_says_so():
    assert "? not checked" in printed(replace(REPORT, findings=(replace(REPORT.findings[0], support=None),)))


def test_fallback():
    assert "Written by the template reporter: gemini: the quota is used up" in squeezed(printed(FALLBACK))


def test_abstention_stands_in_place_of_statements():
    text = printed(replace(REPORT, abstained=True, abstain_reason="Not a chest."))
    assert "NO REPORT: THE SYSTEM ABSTAINED" in text
    assert "Not a chest." in text
    assert "effusion" not in text
    assert "FINDINGS" not in printed(ABSTAINED)


@pytest.mark.parametrize("abstained", [False, True])
def test_what_a_report_says_neither_is_markup_nor_controls_the_terminal(abstained):
    words = "[bold red]x[/bold red] [link=http://evil.example]y[/link] :warning: [/] \x1b[2J\x07\x9b1m\u202e\rz"
    text = printed(speaking(words, abstained), 400)
    assert text.count("[bold red]x[/bold red] [link=http://evil.example]y[/link] :warning: [/]") >= (
        2 if abstained else 8
    )
    assert not set(text) & set("\x1b\x07\x9b\u202e\r")
    assert "]8;" not in printed(speaking(words, abstained), 400, colours=True)


def test_narrow_terminals_are_filled_not_overrun():
    assert max(map(len, printed(REPORT, 60).splitlines())) <= 60
