"""Rules on report text that every room shares."""

from __future__ import annotations

from typing import NamedTuple


class Section(NamedTuple):
    """One section of a report."""

    name: str
    """ "findings" or "impression"."""
    text: str


def normalise(text: str) -> str:
    """Fold case and collapse white space, so that reports that read the same compare equal."""
    return " ".join(text.casefold().split())


def longest_section(findings: str, impression: str) -> Section:
    """Return the section that stands for the study: the longer one without outer blanks, findings when equal.

    The text is empty when the study has none.
    """
    sections = Section("findings", findings.strip()), Section("impression", impression.strip())
    return max(sections, key=lambda section: len(section.text))
