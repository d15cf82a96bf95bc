"""Files of a reader study: design, cases, ratings, analysis, and the key that names the sources, apart."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from medxpert.errors import DataError
from medxpert.rating.analysis import Analysis
from medxpert.rating.layout import tables
from medxpert.rating.record import CaseRow, Rated, Study
from medxpert.rating.scales import scales
from medxpert.report import NOTICE
from medxpert.tables.formats import markdown

_ITEM = ("reader", "place", "case", "study_id", "abnormal", "source", "repeated")
_TIMES = ("shown_at", "submitted_at", "seconds", "paused_seconds", "silent_seconds", "views", "corrections")
_DANGEROUS = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the start of a formula."""
_COLUMNS = ("study_id", "text")


def letters(study: Study) -> dict[str, str]:
    """Return source -> the letter that stands for it while it may not be named, in an order that nobody can compute."""
    salt = study.salt
    order = sorted(study.sources, key=lambda name: hashlib.sha256(f"{salt} {name}".encode()).hexdigest())
    return {name: chr(ord("A") + place) for place, name in enumerate(order)}


def design_json(study: Study) -> str:
    """Return the design; its sha256 is that of the value of "design" as compact JSON with sorted keys."""
    told = {"name": study.name, "policy": study.policy, "sha256": study.sha256, "design": study.design}
    return _json({**told, "state": study.state, "unblinded_by": study.unblinded_by, "notice": NOTICE})


def key_json(study: Study) -> str:
    """Return what the letters stand for.

    Raises:
        DataError: the sources may not be named yet.
    """
    _must_be_named(study)
    return _json({"name": study.name, "sha256": study.sha256, "sources": {b: a for a, b in letters(study).items()}})


def ratings_csv(study: Study, rated: Sequence[Rated]) -> str:
    """Return all ratings in long form, sources by letters, and places, which would tell them, once they are named.

    Each row bears the policy of the study, the strictest of all that it draws from: any of it may be told in a comment.
    """
    names = [scale.name for scale in scales()]
    head = (*_ITEM, *names, "comment", *_TIMES, "policy")
    letter = letters(study)
    lines = [
        (
            *(
                one.reader,
                one.place if study.is_named else "",
                one.case,
                one.study_id,
                int(one.abnormal),
                letter[one.source],
                int(one.repeated),
            ),
            *(one.told[name] for name in names),
            *(one.comment, *(getattr(one, name) for name in _TIMES), study.policy),
        )
        for one in rated
    ]
    return _csv(head, lines)


def cases_csv(study: Study, cases: Sequence[CaseRow]) -> str:
    """Return the cases, for whoever has reports on them made elsewhere: fill in `text`, and import it."""
    rows = [(one.study_id, "", one.picture.name, study.policy) for one in cases]
    return _csv((*_COLUMNS, "picture", "policy"), rows)


def read_texts(content: bytes) -> dict[str, str]:
    """Read a table of imported reports: study id -> text.

    Raises:
        DataError: it is no CSV in UTF-8 with the columns study_id and text, or names a study twice.
    """
    try:
        rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig")), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"reports: expected a CSV in UTF-8, found another file ({error}); save it as CSV") from error
    if not rows or not set(_COLUMNS) <= set(rows[0]):
        found = ", ".join(map(str, rows[0])) if rows else "no rows"
        raise DataError(f"reports: expected the columns {', '.join(_COLUMNS)}, found {found}; name them in line 1")
    texts: dict[str, str] = {}
    for row in rows:
        study = (row["study_id"] or "").strip().removeprefix("'")
        if study in texts:
            raise DataError(f"reports: expected one text per study, found two for {study}; leave one")
        texts[study] = (row["text"] or "").strip()
    return texts


def analysis_json(study: Study, analysis: Analysis) -> str:
    """Return all figures.

    Raises:
        DataError: the sources may not be named yet.
    """
    _must_be_named(study)
    return _json({"name": study.name, "sha256": study.sha256, **analysis.as_json(), "notice": NOTICE})


def analysis_markdown(study: Study, analysis: Analysis) -> str:
    """Return all tables.

    Raises:
        DataError: the sources may not be named yet.
    """
    _must_be_named(study)
    found = tables(study, analysis)
    return markdown(found._replace(notes=(*found.notes, f"Policy: {study.policy}. {NOTICE}")))


def _must_be_named(study: Study) -> None:
    if not study.is_named:
        raise DataError(f"reader study {study.name}: sources are named once it is closed or unblinded; do that first")


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, indent=2, allow_nan=False) + "\n"


def _csv(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    told = io.StringIO()
    writer = csv.writer(told, lineterminator="\n")
    writer.writerow(head)
    writer.writerows([_safe(cell) for cell in row] for row in rows)
    return told.getvalue()


def _safe(cell: Any) -> Any:
    """Keep spreadsheets from running what a reader typed."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_DANGEROUS) else cell
