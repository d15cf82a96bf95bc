"""Checks a model's answer to a question against the evidence: its value, its sentences, its citations.

The sentences are read back like those of a report (`checker/`). The confidence is always the evidence's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal, cast

from medxpert.checker.draft import UNREAD, UNSUPPORTED
from medxpert.checker.statements import Statement, asserted, faults_of, statement
from medxpert.checker.weighing import Fault
from medxpert.exchange import Question, Reply
from medxpert.ontology import NO_FINDING
from medxpert.questions.answers import weigh
from medxpert.questions.reading import is_lead, is_refusal, sentences, value_of, without_lead
from medxpert.questions.reply import reply as offline
from medxpert.questions.weighed import Weighed, best
from medxpert.questions.wording import cannot
from medxpert.reporting import Change, Problem, Severity, Side, Verdict

WHERE = "answer"
_SHORT = 6
"""Words of a sentence that may be nothing but a value."""


def check(
    reply: Reply,
    question: Question,
    verdicts: Sequence[Verdict],
    changes: Sequence[Change] | None = None,
    doubt: str = "",
) -> Reply:
    """Check an answer that a model wrote.

    - What the evidence cannot answer is answered by it alone: another answer is replaced.
    - The value of a closed question is read from the answer where the model gave none. A value against the evidence
      marks the answer.
    - A sentence that the evidence does not support is marked "[unsupported]", one that cannot be read "[unchecked]".
    - Citations that do not exist or are about something else are dropped.

    Args:
        reply: as the model wrote it.
        question: as it was understood.
        verdicts: one per observation.
        changes: against a prior image; None without one.
        doubt: why nothing that is said of the image can be more than weak; repeated in an answer of the evidence.
    """
    own = offline(question, verdicts, changes, doubt)
    own = replace(own, reporter=reply.reporter, fallback_reason=reply.fallback_reason)
    if not own.answerable:
        return _replaced(reply, own)
    if not reply.answerable or is_refusal(reply.answer):
        return _refused(reply, own)
    told = weigh(question, verdicts, changes)
    value, problems = _value(reply, question)
    text, unsupported = _sentences(reply.answer, question, verdicts)
    against = _against(reply.answer, value, told)
    if any(one.action == "marked" for one in against) and UNSUPPORTED not in text:
        text += UNSUPPORTED
    evidence, dropped = _citations(reply.evidence, question, verdicts, changes)
    return replace(
        own,
        answer=text,
        value=value,
        confidence=own.confidence if value in ("", told.value) else round(told.odds.get(value, 0.0), 4),
        evidence=evidence,
        problems=tuple(dict.fromkeys([*reply.problems, *problems, *against, *unsupported, *dropped])),
    )


def _replaced(reply: Reply, own: Reply) -> Reply:
    """Answer what the evidence cannot tell; a model that said so too did nothing wrong."""
    if is_refusal(reply.answer):
        return own
    problem = Problem("beyond_evidence", WHERE, reply.answer, own.answer, "dropped")
    return replace(own, problems=(*reply.problems, problem))


def _refused(reply: Reply, own: Reply) -> Reply:
    """Let a model be less sure than the evidence, and note it."""
    problem = Problem("understated", WHERE, reply.answer, f"the evidence answers: {own.answer}", "noted")
    answer = reply.answer if is_refusal(reply.answer) else cannot("refused")
    nothing = replace(own, value="", confidence=None, evidence=(), answerable=False)
    return replace(nothing, answer=answer, problems=(*reply.problems, problem))


def _value(reply: Reply, question: Question) -> tuple[str, list[Problem]]:
    """Return the stated value, or else the one that the words give; against a plain yes or no it does not count."""
    stated, read = value_of(question, reply.value), value_of(question, reply.answer)
    if not (stated and read) or stated == read:
        return stated or read, []
    problem = Problem("mismatch", WHERE, reply.answer, f"the value says {stated}, the answer {read}", "noted")
    return read if question.kind == "presence" else stated, [problem]


def _against(text: str, value: str, told: Weighed) -> list[Problem]:
    """Say where a closed question is answered otherwise than the evidence does, or not at all."""
    if value == told.value:
        return []
    if not value:
        return [Problem("unreadable", WHERE, text, f"no value was found; expected one like {told.value}", "noted")]
    detail = f"the answer says {value}, the evidence {told.value or 'nothing'} (p = {told.confidence or 0.0:.2f})"
    return [Problem("contradicted", WHERE, text, detail, "marked")]


def _sentences(answer: str, question: Question, verdicts: Sequence[Verdict]) -> tuple[str, list[Problem]]:
    """Mark the sentences that the evidence does not support; return the text and what is wrong with it."""
    known = {one.observation: _telling(one) for one in verdicts}
    told = [replace(statement(WHERE, without_lead(one)), text=one) for one in sentences(answer)]
    elsewhere = asserted(told)
    problems: list[Problem] = []
    marked = []
    for one in told:
        faults = [] if _is_value(one, question) else faults_of(one.reading, known, elsewhere)
        faults = [fault for fault in faults if not (question.kind == "change" and fault.kind == "comparison")]
        marked.append(one.text + _mark(faults))
        problems += [Problem(fault.kind, WHERE, one.text, fault.detail, _action(fault)) for fault in faults]
    return " ".join(marked), problems


def _is_value(one: Statement, question: Question) -> bool:
    """Tell whether a sentence is nothing but the answer to a closed question: "Yes.", "On the left."."""
    if is_lead(one.text):
        return True
    claims = one.reading.claims or one.reading.denials or one.reading.beyond
    return not claims and len(one.text.split()) <= _SHORT and bool(value_of(question, one.text))


def _mark(faults: Sequence[Fault]) -> str:
    grave = {fault.kind for fault in faults if fault.level == "unsupported"}
    return "" if not grave else UNREAD if grave == {"unreadable"} else UNSUPPORTED


def _action(fault: Fault) -> Literal["marked", "noted"]:
    return "marked" if fault.level == "unsupported" else "noted"


def _telling(verdict: Verdict) -> Verdict:
    """State the likeliest side and severity, as an answer to a question does."""
    if verdict.status not in ("present", "uncertain"):
        return verdict
    side = verdict.laterality or (best(verdict.sides) if verdict.sides else "")
    severity = verdict.severity or (best(verdict.severities) if verdict.severities else "")
    return replace(verdict, laterality=cast(Side, side), severity=cast(Severity, severity))


def _citations(
    cited: Sequence[str], question: Question, verdicts: Sequence[Verdict], changes: Sequence[Change] | None
) -> tuple[tuple[str, ...], list[Problem]]:
    """Return the citations that hold, each once, and what is wrong with the others."""
    every = [*verdicts, *(one for change in changes or () for one in (change.before, change.now))]
    names = set(question.observations) - {NO_FINDING}
    known = set(_sources(every))
    fitting = set(_sources([one for one in every if one.observation in names])) if names else known
    once = tuple(dict.fromkeys(cited))
    problems = []
    for name in once:
        if name not in fitting:
            kind = "unrelated_evidence" if name in known else "unknown_evidence"
            problems.append(Problem(kind, WHERE, name, "cited for the answer", "dropped"))
    return tuple(name for name in once if name in fitting), problems


def _sources(verdicts: Sequence[Verdict]) -> Iterator[str]:
    for one in verdicts:
        yield from one.cases
        yield from one.scores
