"""Words that others wrote, shown as they are: streamlit reads its messages and labels as Markdown."""

from __future__ import annotations

from medxpert.documents import wording

_MARKUP = frozenset("\\`*_{}[]()<>#+-.!|~$:&^=")


def literal(words: str) -> str:
    """Return words as Markdown in which nothing is markup, for labels of widgets."""
    return "".join(f"\\{one}" if one in _MARKUP else one for one in wording.line(words))
