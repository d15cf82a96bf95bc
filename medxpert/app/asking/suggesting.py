"""Questions that fit an image: about what its report names, then about what nobody would want to miss."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

from medxpert.ontology import NO_FINDING, SUPPORT_DEVICES
from medxpert.questions.wording import article, plain
from medxpert.reporting import Report

_WORDS: dict[str, Any] = json.loads(files("medxpert.app.asking").joinpath("suggesting.json").read_text("utf-8"))


def suggested(report: Report) -> tuple[str, ...]:
    """Return a few questions about the image of a report, each once."""
    return tuple(dict.fromkeys(_questions(report)))[: _WORDS["most"]]


def _questions(report: Report) -> Iterator[str]:
    yield _WORDS["always"][0]
    told = [one for one in report.findings if one.status != "absent" and one.observation != NO_FINDING]
    for one in told[:2]:
        side, severity = (form.format(name=plain(one.observation)) for form in _WORDS["found"])
        if one.laterality:
            yield side
        if one.observation != SUPPORT_DEVICES:
            yield severity
    known = {one.observation for one in told}
    yield from (_WORDS["presence"].format(name=article(name)) for name in _WORDS["others"] if name not in known)
    yield from _WORDS["always"][1:]
