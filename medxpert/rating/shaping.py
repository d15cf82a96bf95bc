"""Reports of all sources in one shape, so that layout and marks do not tell who wrote them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from medxpert.cleaning import clean
from medxpert.documents.wording import line, marked
from medxpert.reporting import Report
from medxpert.text import longest_section, sentences, split_sections, without_priors

_SUPPORT = re.compile(r"\s*\[(?:unsupported|unchecked|weak support|supported|not checked)\]", re.IGNORECASE)
_MARKUP = re.compile(r"[*_`#>|]+")
TOLD = (
    "Every text is reduced to plain sentences: markup, numbering, marks of support and of de-identification and "
    "references to earlier studies are taken out, capitals become sentences. The reports of a case show the sections "
    "that all of them have; where they have none in common, each shows its longer one. Style and length stay, and may "
    "still tell a source to an attentive reader."
)
"""What is done, for the design."""


class Text(NamedTuple):
    """A report as its source gives it; "" for a section that it has not."""

    findings: str
    impression: str


class Shaped(NamedTuple):
    """A report as readers see it; at least one of its two sections is not empty."""

    findings: str
    impression: str
    untitled: bool = False
    """Whether it is shown without the names of its sections."""


def of_report(report: Report) -> Text:
    """Return what a drafted report says, sentences that stand for several observations once."""
    findings = dict.fromkeys(one.sentence for one in report.findings)
    return Text(" ".join(findings), " ".join(marked(one).text for one in report.impression))


def of_plain(text: str) -> Text:
    """Return a typed or imported report by its sections; all of it is findings where it names none."""
    found = split_sections(text)
    findings, impression = found.get("findings", ""), found.get("impression", "")
    return Text(findings, impression) if findings or impression else Text(text.strip(), "")


def plain(text: str) -> str:
    """Return a section as plain sentences."""
    told = without_priors(clean(_MARKUP.sub(" ", _SUPPORT.sub("", text))))
    parts = [line(one) for one in sentences(told)]
    parts = [_lowered(one) for one in parts] if told.isupper() else parts
    return " ".join(_ended(one) for one in parts if one)


def _lowered(sentence: str) -> str:
    return sentence[:1] + sentence[1:].lower()


def _ended(sentence: str) -> str:
    return sentence if sentence[-1] in ".!?" else f"{sentence.rstrip(',;:')}."


def shaped(texts: Mapping[str, Text]) -> dict[str, Shaped]:
    """Bring the reports of one case into one shape.

    Args:
        texts: source -> what it says.

    Returns:
        Source -> what is shown; a source that says nothing is absent.
    """
    told = {name: Text(plain(one.findings), plain(one.impression)) for name, one in texts.items()}
    told = {name: one for name, one in told.items() if any(one)}
    common = Text(*("common" if all(parts) else "" for parts in zip(*told.values(), strict=True))) if told else None
    if common is None or not any(common):
        return {name: Shaped(_longest(one), "", True) for name, one in told.items()}
    alone = not all(common)
    return {
        name: Shaped(one.findings if common.findings else "", one.impression if common.impression else "", alone)
        for name, one in told.items()
    }


def _longest(text: Text) -> str:
    return longest_section(text.findings, text.impression).text
