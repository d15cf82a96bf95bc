"""Replies to questions, as JSON values and on the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.text import Text

from medxpert.documents import wording
from medxpert.documents.values import plain
from medxpert.documents.wording import line
from medxpert.exchange import Reply
from medxpert.report import NOTICE, POLICY


def as_json(reply: Reply, provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Return a reply as the JSON values of answer.json.

    Args:
        reply: to one question.
        provenance: run, index, encoder, reporter, time and policy; a reply without a policy is private.
    """
    return {
        "question": reply.question,
        "answer": reply.answer,
        "confidence": reply.confidence,
        "evidence": list(reply.evidence),
        "answerable": reply.answerable,
        "reporter": reply.reporter,
        "value": reply.value,
        "kind": reply.kind,
        "problems": [asdict(one) for one in reply.problems],
        "fallback_reason": reply.fallback_reason,
        "notice": NOTICE,
        "policy": provenance.get(POLICY) or "private",
        "provenance": plain(provenance),
    }


def reply_panel(reply: Reply) -> RenderableType:
    """Lay a reply out; what it says cannot be markup nor control the terminal."""
    return Panel(
        Group(*_lines(reply)),
        title=Text("Answer", style="bold"),
        title_align="left",
        box=box.HORIZONTALS,
        border_style="cyan" if reply.answerable else "yellow",
        padding=(0, 0),
    )


def _lines(reply: Reply) -> Iterator[RenderableType]:
    yield Text(NOTICE, style="bold yellow")
    yield Text(line(reply.question), style="dim")
    yield Text.assemble("\n", (line(reply.answer), "bold"))
    for told in wording.reply_basis(reply):
        yield Text(told, style="yellow" if reply.fallback_reason else "dim")
    for problem in reply.problems:
        yield Text(f"Check: {wording.problem(problem)}", style="yellow")
