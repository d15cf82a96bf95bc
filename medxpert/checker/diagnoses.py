"""Checks possible diagnoses and their codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from medxpert import icd10
from medxpert.checker.lexicon import words_of
from medxpert.checker.reading import Claim, read
from medxpert.checker.statements import Statement, faults_of
from medxpert.checker.weighing import Fault, weigh
from medxpert.ontology import observation
from medxpert.reporting import Code, Diagnosis, Problem, Status, Verdict

WHERE = "diagnoses"


class Examined(NamedTuple):
    """A diagnosis with the codes that fit, its faults, and what was wrong with the other codes."""

    diagnosis: Diagnosis
    statement: Statement
    problems: list[Problem]


def examine(diagnosis: Diagnosis, verdicts: Mapping[str, Verdict]) -> Examined:
    """Check one diagnosis.

    Its name is read like a sentence; being only possible, it may say present where the evidence is uncertain. A code
    is kept where ICD-10-CM has it under its description, and either the table of `icd10` gives it for an observation
    that the diagnosis names and the evidence supports, or its description names such an observation that the evidence
    calls present, and nothing more.
    """
    reading = read(diagnosis.name)
    if not reading.claims:
        reading = reading._replace(claims=_named(diagnosis.name))
    claims = [_possible(claim, verdicts) for claim in reading.claims]
    known = reading._replace(claims=tuple(claims), unread=())
    faults = faults_of(known, verdicts, frozenset())
    if not any(claim.status != "absent" for claim in claims):
        faults.append(Fault("unknown_diagnosis", "unsupported", "it names no observation"))
    one = Statement(WHERE, diagnosis.name, known, faults)
    supported = [] if one.support == "unsupported" else [claim for claim in claims if claim.status != "absent"]
    codes, problems = _codes(diagnosis.icd10, supported, verdicts)
    return Examined(Diagnosis(diagnosis.name, codes), one, problems)


def _codes(
    drafted: Sequence[Code], claims: Sequence[Claim], verdicts: Mapping[str, Verdict]
) -> tuple[tuple[Code, ...], list[Problem]]:
    kept, problems = [], []
    for code in drafted:
        official = icd10.verify(code.code, code.description)
        if official is None:
            detail = f'ICD-10-CM has no such code called "{code.description}"'
            problems.append(Problem("unknown_code", WHERE, code.code, detail, "dropped"))
        elif not any(_listed(official, claim) or _described(official, claim, verdicts) for claim in claims):
            problems.append(Problem("unfit_code", WHERE, code.code, official.description, "dropped"))
        else:
            kept.append(official)
    return tuple(dict.fromkeys(kept)), problems


def _named(name: str) -> tuple[Claim, ...]:
    try:
        found = observation(name)
    except KeyError:
        return ()
    return (Claim(found, "present"),) if found else ()


def _possible(claim: Claim, verdicts: Mapping[str, Verdict]) -> Claim:
    """Read a diagnosis as no surer and no less sure than the evidence."""
    verdict = verdicts.get(claim.observation)
    if verdict is None or claim.status == "absent" or verdict.status not in ("present", "uncertain"):
        return claim
    return claim._replace(status=verdict.status)


def _listed(code: Code, claim: Claim) -> bool:
    statuses: tuple[Status, ...] = ("present", "uncertain") if claim.status == "present" else (claim.status,)
    return any(code in icd10.codes(claim.observation, status) for status in statuses)


def _described(code: Code, claim: Claim, verdicts: Mapping[str, Verdict]) -> bool:
    if claim.status != "present" or words_of("overreach", code.description):
        return False
    reading = read(code.description)
    if reading.beyond or not any(said.observation == claim.observation for said in reading.claims):
        return False
    return not any(weigh(said, verdicts.get(said.observation, Verdict(said.observation))) for said in reading.claims)
