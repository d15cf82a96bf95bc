"""What the reader study's screens share: the studies that may be seen, and texts as HTML without markup of theirs."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from importlib.resources import files

from medxpert.app import access
from medxpert.app.opening import settings
from medxpert.rating.record import Study
from medxpert.rating.scales import Scale, scales
from medxpert.rating.shaping import Shaped
from medxpert.rating.store import Studies

FOLDER = "reader_studies"
STYLE = f"<style>{files('medxpert.app.studying').joinpath('study.css').read_text(encoding='utf-8')}</style>"
STATES = {"draft": "draft", "open": "open to readers", "closed": "closed"}


def studies() -> Studies:
    """Return the studies of the app's folder.

    Raises:
        ConfigError: it cannot be written.
        DataError: the database in it is damaged.
    """
    return Studies(settings().folder / FOLDER)


def seen(found: Iterable[Study]) -> list[Study]:
    """Return the studies that this session may see."""
    return [one for one in found if access.may_see(one.policy)]


def title(study: Study) -> str:
    """Return what lists call a study: the same as long as there is one, whatever its state."""
    return f"{study.name} · {study.created_at[:16].replace('T', ' ')}"


def counted(number: int, what: str) -> str:
    """Return "1 reader" or "2 readers"."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def report_html(text: Shaped) -> str:
    """Lay a report out."""
    parts = [("Findings", text.findings), ("Impression", text.impression)]
    body = "".join(
        ("" if text.untitled else f"<h4>{name}</h4>") + f"<p>{escape(words)}</p>" for name, words in parts if words
    )
    return f'<div class="mx-report" role="region" aria-label="Report to rate">{body}</div>'


def told_html(lines: Iterable[str]) -> str:
    """Lay out facts, one a line."""
    return f'<p class="mx-told">{"<br>".join(map(escape, lines))}</p>'


def levels_html() -> str:
    """Lay out all levels with the sentences that define them."""
    return f'<table class="mx-levels">{"".join(map(_scale, scales()))}</table>'


def _scale(scale: Scale) -> str:
    head = f'<tr class="mx-scale"><th colspan="2">{escape(scale.title)}: {escape(scale.question)}</th></tr>'
    return head + "".join(
        f"<tr><td>{level.value} {escape(level.label)}</td><td>{escape(level.sentence)}</td></tr>"
        for level in scale.levels
    )


def level_html(scale: Scale, value: int | None) -> str:
    """Show the sentence of the level that was chosen."""
    told = escape(scale.level(value).sentence) if value is not None else "&nbsp;"
    return f'<p class="mx-level" aria-live="polite">{told}</p>'
