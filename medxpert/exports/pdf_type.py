"""Fonts, colours and paragraphs of the PDF; nothing that a report says can become markup or break a page."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from html import escape
from importlib.util import find_spec
from pathlib import Path

import reportlab
from reportlab.lib.colors import HexColor
from reportlab.lib.enums import TA_CENTER
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Paragraph

from medxpert.documents.wording import line, marked

INK, SOFT, RULE, PANEL = (HexColor(value) for value in ("#16191d", "#59626d", "#c9d0d8", "#f3f5f7"))
WARNING, WARNING_PANEL = HexColor("#8a1c12"), HexColor("#fbeae7")
MARKS = {"supported": "#1c6b45", "weak support": "#8a5a00", "unsupported": "#a3271b", "unchecked": "#59626d"}
"""The checker's words -> their colour; they are told apart by the words."""
_MARKS = MARKS | {"not checked": MARKS["unchecked"]}
_MAX_CHARS = 4000
"""Longer texts are whole in report.json."""
_UNKNOWN = "\ufffd"
_PLAIN, _BOLD = "Report", "Report-Bold"
_DEJAVU = ("mpl-data/fonts/ttf/DejaVuSans.ttf", "mpl-data/fonts/ttf/DejaVuSans-Bold.ttf")
_VERA = ("fonts/Vera.ttf", "fonts/VeraBd.ttf")


@cache
def style(name: str) -> ParagraphStyle:
    """Return one of the few styles: title, heading, body, item, bold, small, note, warning or centred."""
    plain, bold = faces()
    made = {
        "title": ParagraphStyle("title", fontName=bold, fontSize=17, leading=21, textColor=INK, spaceAfter=2),
        "heading": ParagraphStyle(
            "heading", fontName=bold, fontSize=10.5, leading=13, textColor=INK, spaceBefore=11, spaceAfter=4
        ),
        "body": ParagraphStyle("body", fontName=plain, fontSize=9, leading=12.2, textColor=INK),
        "item": ParagraphStyle(
            "item",
            fontName=plain,
            fontSize=9,
            leading=12.2,
            textColor=INK,
            leftIndent=13,
            bulletFontName=plain,
            bulletFontSize=8,
        ),
        "bold": ParagraphStyle("bold", fontName=bold, fontSize=9, leading=12.2, textColor=INK),
        "small": ParagraphStyle("small", fontName=plain, fontSize=7.3, leading=9.4, textColor=INK),
        "note": ParagraphStyle("note", fontName=plain, fontSize=7.3, leading=9.4, textColor=SOFT, spaceAfter=3),
        "warning": ParagraphStyle("warning", fontName=bold, fontSize=9, leading=12.2, textColor=WARNING),
        "centred": ParagraphStyle(
            "centred", fontName=plain, fontSize=7, leading=9, textColor=SOFT, alignment=TA_CENTER
        ),
    }
    return made[name]


@cache
def faces() -> tuple[str, str]:
    """Register the plain and the bold face and return their names.

    They are DejaVu, which has the letters of every European report, from a package that is installed anyway, else
    Vera, which comes with reportlab.
    """
    shipped = find_spec("matplotlib")
    folder, names = Path(shipped.origin or "").parent if shipped else Path(), _DEJAVU
    if not all((folder / name).is_file() for name in names):
        folder, names = Path(reportlab.__file__).parent, _VERA
    for face, name in zip((_PLAIN, _BOLD), names, strict=True):
        pdfmetrics.registerFont(TTFont(face, str(folder / name)))
    return _PLAIN, _BOLD


def shown(text: str) -> str:
    """Return text on one line in which every character can be printed, cut where it would fill pages."""
    said = line(text)
    said = said if len(said) <= _MAX_CHARS else f"{said[:_MAX_CHARS].rstrip()}…"
    known = pdfmetrics.getFont(faces()[0]).face.charToGlyph
    instead = _UNKNOWN if ord(_UNKNOWN) in known else "?"
    return "".join(c if ord(c) in known else instead for c in said)


def words(text: str) -> str:
    """Return text as markup of a paragraph that prints exactly it."""
    return escape(shown(text), quote=False)


def paragraph(text: str, name: str = "body") -> Paragraph:
    """Set plain text."""
    return Paragraph(words(text), style(name))


def marked_up(text: str) -> str:
    """Return markup of a sentence with the checker's mark set off from it."""
    said, mark = marked(line(text))
    return f"{words(said)} {badge(mark)}" if mark else words(said)


def badge(mark: str) -> str:
    """Return markup of a mark of support, bold and coloured."""
    return f'<font name="{faces()[1]}" color="{_MARKS.get(mark, _MARKS["unchecked"])}">[{words(mark)}]</font>'


def listed(sentences: Iterable[str], numbered: bool = False) -> list[Paragraph]:
    """Set sentences as the items of a list, with the checker's marks set off."""
    told = [one for one in sentences if line(one)]
    return [
        Paragraph(marked_up(one), style("item"), bulletText=f"{number}." if numbered else "•")
        for number, one in enumerate(told, 1)
    ]
