from dataclasses import replace

import pytest
from documents.samples import ABSTAINED, FALLBACK, REPLY, REPORT, SHARED, replying, speaking
from markdown_it import MarkdownIt

from medxpert.documents.markdown import escape, render
from medxpert.report import NOTICE

HOSTILE = (
    "![x](http://evil.example/p.png) [l](javascript:alert(1)) <img src=x onerror=alert(1)> <!-- `code` *a* _b_ ~~c~~ "
    "http://evil.example www.evil.example <http://evil.example> &lt;b&gt; &#60; | a | $x$ \\*"
)
STARTS = (
    "# head",
    "- item",
    "+ item",
    "1. one",
    "2) two",
    "> quote",
    "```fence",
    "---",
    "===",
    "* * *",
    "| a | b |",
    "    x",
)
ALLOWED = {
    "heading_open", "heading_close", "inline", "paragraph_open", "paragraph_close", "bullet_list_open",
    "bullet_list_close", "list_item_open", "list_item_close", "blockquote_open", "blockquote_close",
    "text", "text_special", "strong_open", "strong_close", "softbreak",
}  # fmt: skip


def sections(text):
    return [line.removeprefix("## ") for line in text.splitlines() if line.startswith("## ")]


def tokens(text):
    parsed = MarkdownIt("gfm-like", {"linkify": False, "html": True}).parse(text)
    return [*parsed, *(child for token in parsed for child in token.children or ())]


def shown(text):
    """Return the inline texts as a reader sees them."""
    parsed = MarkdownIt("gfm-like", {"linkify": False}).parse(text)
    return ["".join(child.content for child in token.children) for token in parsed if token.type == "inline"]


def test_sections():
    assert sections(render(REPORT)) == [
        "TECHNIQUE", "COMPARISON", "CHANGES SINCE THE PRIOR IMAGE", "CAPTION", "FINDINGS", "IMPRESSION",
        "POSSIBLE DIAGNOSES (SUGGESTED ICD-10-CM CODES)", "LIMITATIONS", "CHECK", "PROVENANCE",
    ]  # fmt: skip
    assert sections(render(FALLBACK))[:3] == ["TECHNIQUE", "COMPARISON", "FINDINGS"]


@pytest.mark.parametrize(
    "line",
    [
        f"**{NOTICE}** Policy of this report: credentialed.",
        "- Moderate left effusion. [supported]",
        "  - Pleural Effusion: present, left, moderate; evidence: zero-shot 0.83, s1, s2",
        "- Possible edema. **[weak support]**",
        "  - Edema: uncertain, mild; evidence: cases 0.35, s2",
        "- Nodule on the right. **[unsupported]**",
        "  - Lung Lesion: present, right; no evidence",
        "  - Pneumothorax: absent; evidence: s3",
        "  - Fracture: absent; evidence: s3, s4",
        "- Nodule. **[unsupported]**",
        "- Effusion",
        "  - J90 Pleural effusion, not elsewhere classified",
        "  - J9 J (not billable)",
        "  - J91 K (not billable; still to be stated: acute or chronic; of what)",
        "- Pleural Effusion: worse 0.61",
        "  - before: 0.71, present, left, mild; zero-shot 0.60, 1 case agrees",
        "  - now: 0.88, present, left, moderate; probe 0.91, 2 cases agree",
        "- Edema: unchanged 0.97",
        "- Fracture: not known",
        "A machine's caption of the image: evidence of limited trust, not a finding.",
        "> A small effusion.",
        "- Tumour **[weak support]** (no code)",
        "- One image alone.",
        '- unknown evidence (findings, dropped): "s99": cited for Edema',
        "- index: count 3, split train",
    ],
)
def test_every_statement_is_printed(line):
    assert line in render(REPORT).splitlines()


@pytest.mark.parametrize(
    "line",
    [
        "## QUESTION", "Is there a left effusion?", "**Yes, a left pleural effusion is seen.**", "- Confidence: 0.83",
        "- Evidence: zero-shot, s1", '- unknown evidence (findings, dropped): "s99": cited for Edema',
    ],
)  # fmt: skip
def test_the_answer_stands_first(line):
    lines = render(REPORT, REPLY).splitlines()
    assert lines.index(line) < lines.index("## TECHNIQUE")
    assert line not in render(FALLBACK).splitlines()


def test_neighbours_share_their_sentence():
    assert render(REPORT).count(SHARED) == 1


def test_a_finding_that_nobody_checked_says_so():
    unchecked = replace(REPORT, findings=(replace(REPORT.findings[0], support=None),))
    assert "- Moderate left effusion. **[not checked]**" in render(unchecked)


def test_fallback():
    assert "> **Written by the reporter template instead of the one asked for:** gemini: the quota is used up\n" in (
        render(FALLBACK)
    )


def test_abstention_stands_in_place_of_statements():
    bare = replace(REPORT, comparison="None.", changes=(), caption="")
    text = render(replace(bare, abstained=True, abstain_reason="Not a chest."))
    assert sections(text) == [
        "NO REPORT: THE SYSTEM ABSTAINED", "TECHNIQUE", "COMPARISON", "LIMITATIONS", "PROVENANCE",
    ]  # fmt: skip
    assert "**Not a chest.**" in text
    assert "effusion" not in text
    assert "- abstention: score 2.5, threshold 1.5" in render(ABSTAINED)


@pytest.mark.parametrize("words", [HOSTILE, *STARTS])
@pytest.mark.parametrize("abstained", [False, True])
def test_nothing_in_a_report_becomes_markup(words, abstained):
    kinds = {token.type for token in tokens(render(speaking(words, abstained), replying(words)))}
    assert kinds <= ALLOWED


@pytest.mark.parametrize("words", [HOSTILE, *STARTS, "s_1_2 is fine", "0.83 at 5 %", "A&E; R&D"])
def test_a_reader_sees_what_was_written(words):
    assert shown(f"- {escape(words)}") == [words.strip()]


@pytest.mark.parametrize("words", ["http://evil.example", "https://evil.example", "www.evil.example"])
def test_addresses_are_not_written_as_readers_link_them(words):
    assert words not in escape(words)


@pytest.mark.parametrize("words", ["Moderate left effusion (p = 0.8), 2-3 cm.", "p00012-s1", "open_i_17"])
def test_plain_words_stay_as_they_are(words):
    assert escape(words) == words


def test_controls_and_lines():
    assert escape("a\n\n# b\x1b[2J\u202e") == "a # b\\[2J"
