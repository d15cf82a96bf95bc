"""Checks a draft: the labeler reads the written report back, and the evidence is asked about each assertion.

`weighing.py` has the rule of support. A statement has the worst support of all that it asserts, and

- a sentence that says other things than the fields of its finding is weak, and the fields are made to say what the
  sentence says; where one of both says nothing, that is only noted; where the sentence says nothing of the finding's
  observation, the finding is unsupported;
- citations that do not exist or are about something else are removed; a finding without any left is weak;
- a sentence that the labeler cannot read is unsupported, except for a few neutral forms (`words.json`), and so are
  names of what this evidence is never about, and measures; words that it does not know beside those that it reads make
  a sentence weak;
- words for change or for earlier images make it weak, since no earlier image was compared, and so do words that are
  more exact about the place or the device than the evidence;
- nothing that is said of a picture at the edge of what the model knows is more than weak;
- of two statements that contradict each other, the one that the evidence supports less is weak at best.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

from medxpert.checker.diagnoses import examine
from medxpert.checker.lexicon import book
from medxpert.checker.statements import Statement, asserted, contradict, corrected, faults_of, statement
from medxpert.checker.weighing import Fault, worst
from medxpert.ontology import NO_FINDING
from medxpert.reporting import Case, Diagnosis, Draft, Finding, Problem, Verdict

UNSUPPORTED, UNREAD, WEAK = " [unsupported]", " [unchecked]", " [weak support]"
"""What is put behind a sentence of the impression and the name of a diagnosis; findings have their `support`."""

Mode = Literal["mark", "drop"]


class Checked(NamedTuple):
    """What the checker leaves of a draft, and what it found wrong."""

    findings: tuple[Finding, ...]
    impression: tuple[str, ...]
    diagnoses: tuple[Diagnosis, ...]
    problems: tuple[Problem, ...]


def check(draft: Draft, case: Case, unsupported: Mode = "mark") -> Checked:
    """Check a draft against the evidence of its case.

    Args:
        draft: as a reporter wrote it.
        case: with the verdicts and hits that count as evidence, under the same study ids as the draft's citations.
        unsupported: "mark" keeps unsupported statements, marked; "drop" leaves them out. Statements with weak support
            are kept and marked either way; codes that do not exist or do not fit are left out either way.
    """
    verdicts = {one.observation: one for one in case.verdicts}
    findings, statements, problems = _read(draft, case, verdicts)
    contradict(statements)
    for one in statements:
        one.doubted = bool(case.doubt)
    kept = [one for one in statements if not _is_dropped(one, unsupported)]
    kept_ids = {id(one) for one in kept}
    diagnoses, of_diagnoses = _diagnoses(draft, verdicts, unsupported, bool(case.doubt))
    for one in statements:
        problems += one.problems(dropped=id(one) not in kept_ids)
    return Checked(
        findings=tuple(
            replace(finding, support=one.support)
            for finding, one in zip(findings, statements, strict=False)
            if id(one) in kept_ids
        ),
        impression=tuple(_marked(one) for one in kept if one.where == "impression"),
        diagnoses=diagnoses,
        problems=tuple(dict.fromkeys([*_far(case), *problems, *of_diagnoses, *_left_out(kept, case.verdicts)])),
    )


def _far(case: Case) -> list[Problem]:
    return [Problem("far", "findings", "", case.doubt, "marked")] if case.doubt else []


def _read(
    draft: Draft, case: Case, verdicts: Mapping[str, Verdict]
) -> tuple[list[Finding], list[Statement], list[Problem]]:
    """Return the findings with fields and citations corrected; all statements, those of the findings first."""
    statements = [statement("findings", one.sentence) for one in draft.findings]
    statements += [statement("impression", text) for text in draft.impression if text.strip()]
    said = asserted(statements)
    elsewhere = asserted([one for one in statements if _holds(one, verdicts, said)])
    for one in statements:
        one.faults += faults_of(one.reading, verdicts, elsewhere)
    findings, problems = [], []
    for finding, one in zip(draft.findings, statements, strict=False):
        fixed, faults = corrected(finding, one.reading)
        evidence, wrong = _citations(finding, case, verdicts)
        one.faults += faults
        if not evidence:
            one.faults.append(Fault("no_evidence", "weak", f"{finding.observation}: nothing is cited"))
        findings.append(replace(fixed, evidence=evidence))
        problems += wrong
    return findings, statements, problems


def _holds(one: Statement, verdicts: Mapping[str, Verdict], elsewhere: frozenset[str]) -> bool:
    """Tell whether a statement is not unsupported by itself."""
    return worst(fault.level for fault in faults_of(one.reading, verdicts, elsewhere)) != "unsupported"


def _citations(finding: Finding, case: Case, verdicts: Mapping[str, Verdict]) -> tuple[tuple[str, ...], list[Problem]]:
    """Return the citations that hold, each once, and what is wrong with the others."""
    own = verdicts.get(finding.observation, Verdict(finding.observation))
    known = {hit.study_id for hit in case.hits} | {name for one in case.verdicts for name in one.scores}
    fitting = {*own.cases, *own.scores} & known
    cited = tuple(dict.fromkeys(finding.evidence))
    problems = []
    for name in cited:
        if name not in fitting:
            kind = "unrelated_evidence" if name in known else "unknown_evidence"
            problems.append(Problem(kind, "findings", name, f"cited for {finding.observation}", "dropped"))
    return tuple(name for name in cited if name in fitting), problems


def _diagnoses(
    draft: Draft, verdicts: Mapping[str, Verdict], unsupported: Mode, doubted: bool
) -> tuple[tuple[Diagnosis, ...], list[Problem]]:
    kept, problems = [], []
    sentences = [one.sentence for one in draft.findings]
    for diagnosis in draft.diagnoses:
        examined = examine(diagnosis, verdicts, sentences)
        examined.statement.doubted = doubted
        dropped = _is_dropped(examined.statement, unsupported)
        problems += [*examined.problems, *examined.statement.problems(dropped)]
        if not dropped:
            kept.append(replace(examined.diagnosis, name=_marked(examined.statement)))
    return tuple(kept), problems


def _is_dropped(one: Statement, unsupported: Mode) -> bool:
    return unsupported == "drop" and one.support == "unsupported"


def _marked(one: Statement) -> str:
    if one.support == "supported":
        return one.text
    grave = {fault.kind for fault in one.faults if fault.level == "unsupported"}
    return one.text + (WEAK if not grave else UNREAD if grave == {"unreadable"} else UNSUPPORTED)


def _left_out(kept: Sequence[Statement], verdicts: Sequence[Verdict]) -> Iterator[Problem]:
    """Note what the evidence is sure of and the report does not say; more exact names count."""
    said = asserted(kept)
    implied: Mapping[str, Sequence[str]] = book()["implied"]
    for one in verdicts:
        names = {one.observation, *implied.get(one.observation, ())}
        if one.status == "present" and one.observation != NO_FINDING and said.isdisjoint(names):
            probability = "" if one.probability is None else f" (p = {one.probability:.2f})"
            yield Problem("omitted", "findings", "", f"{one.observation} is present{probability}", "noted")
    if not kept:
        yield Problem("empty", "findings", "", "no statement is left", "noted")
