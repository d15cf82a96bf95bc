"""A conversation about one image: what was asked, how it was read, what was answered; as JSON and as Markdown."""

from __future__ import annotations

import json
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from medxpert.answer import Answer
from medxpert.app.holding import Holding
from medxpert.documents import reply as replies
from medxpert.documents import wording
from medxpert.documents.markdown import escape
from medxpert.exchange import Reply
from medxpert.questions.following import completed
from medxpert.report import NOTICE, SCORES
from medxpert.reporting import Report
from medxpert.words import Hit, Policy

MOST_TALKS = 12
"""Conversations that a session holds."""
MOST_TURNS = 50
"""Of one conversation; the oldest go first."""


class About(NamedTuple):
    """What a conversation belongs to."""

    content: str
    """The image's sha256."""
    policy: Policy
    run: str
    """Its folder."""


class Score(NamedTuple):
    """What one source says of one observation."""

    observation: str
    source: str
    probability: float


class Turn(NamedTuple):
    """One question with its answer.

    Attributes:
        typed: the question as it was typed.
        read_as: as it was completed; the same where nothing was missing.
        reply: as the assistant gave it.
        cited: similar cases that the reply cites, the nearest first.
        scores: by source, of the observations that the reply rests on.
        provenance: of the answer.
        seconds: that it took.
    """

    typed: str
    read_as: str
    reply: Reply
    cited: tuple[Hit, ...]
    scores: tuple[Score, ...]
    provenance: dict[str, Any]
    seconds: float

    @property
    def is_completed(self) -> bool:
        """Whether the question was a follow-up that named nothing."""
        return self.typed != self.read_as


@dataclass
class Talk:
    """One conversation.

    Attributes:
        image: what its user calls the image.
        turns: in order of time.
        suggested: questions that fit the image; None before the first look at it.
        gone: turns that were dropped.
    """

    image: str
    turns: list[Turn] = field(default_factory=list)
    suggested: tuple[str, ...] | None = None
    gone: int = 0

    def read(self, typed: str) -> str:
        """Return a question as it is read after those before it."""
        return completed(typed.strip(), [one.read_as for one in self.turns])

    def add(self, turn: Turn) -> None:
        """Take a turn in."""
        self.turns.append(turn)
        while len(self.turns) > MOST_TURNS:
            del self.turns[0]
            self.gone += 1

    def as_json(self) -> str:
        """Return the conversation as JSON text."""
        turns = [
            {
                "typed": one.typed,
                **replies.as_json(one.reply, one.provenance),
                "scores": [score._asdict() for score in one.scores],
            }
            for one in self.turns
        ]
        return json.dumps({"notice": NOTICE, "image": self.image, "turns": turns}, indent=2, ensure_ascii=False) + "\n"

    def as_markdown(self) -> str:
        """Return the conversation as Markdown in which nothing that was said is markup."""
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        yield from (f"**{NOTICE}**", "", f"# Questions about {escape(self.image)}", "")
        for one in self.turns:
            yield f"## {escape(one.typed)}"
            if one.is_completed:
                yield from ("", f"Read as: {escape(one.read_as)}")
            yield from ("", f"**{escape(one.reply.answer)}**", "")
            yield from (f"- {escape(told)}" for told in wording.reply_basis(one.reply))
            yield from (f"- {escape(wording.problem(told))}" for told in one.reply.problems)
            yield from (
                f"- {escape(score.observation)}, {escape(score.source)}: {score.probability:.2f}"
                for score in one.scores
            )
            yield ""


_TALKS: Holding[About, Talk] = Holding("ask.talks", MOST_TALKS)


def talk_about(state: MutableMapping[Any, Any], about: About, image: str) -> Talk:
    """Return this session's conversation about an image; it then counts as just used."""
    talk = _TALKS.get(state, about) or Talk(image)
    _TALKS.put(state, about, talk)
    return talk


def scores_of(answer: Answer, observations: tuple[str, ...]) -> tuple[Score, ...]:
    """Return what each source says of the observations that a question is about."""
    told = answer.report.provenance.get(SCORES) or {}
    return tuple(
        Score(name, source, float(probability))
        for name in observations
        for source, probability in (told.get(name) or {}).items()
    )


def named_by(report: Report) -> tuple[str, ...]:
    """Return the observations that a report calls present or uncertain, or all that it names where it calls none so."""
    told = [one for one in report.findings if one.status != "absent"] or report.findings
    return tuple(dict.fromkeys(one.observation for one in told))


def cited_by(answer: Answer) -> tuple[Hit, ...]:
    """Return the similar cases that the reply of an answer cites, the nearest first."""
    named = answer.reply.evidence if answer.reply else ()
    return tuple(one for one in answer.voters if one.study_id in named)
