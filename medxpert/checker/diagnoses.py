"""Checks possible diagnoses and their codes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from medxpert import icd10
from medxpert.checker.reading import Claim, read
from medxpert.checker.statements import Statement, faults_of
from medxpert.checker.weighing import Fault
from medxpert.ontology import observation
from medxpert.reporting import Code, Diagnosis, Problem, Status, Verdict

WHERE = "diagnoses"


class Examined(NamedTuple):
    """A diagnosis with the codes that fit, its faults, and what was wrong with the other codes."""

    diagnosis: Diagnosis
    statement: Statement
    problems: list[Problem]


def examine(diagnosis: Diagnosis, verdicts: Mapping[str, Verdict], sentences: Sequence[str] = ()) -> Examined:
    """Check one diagnosis.

    Its name is read like a sentence; being only possible, it may say present where the evidence is uncertain. A code
    is kept where ICD-10-CM has it under its description, and the table of `icd10` suggests it for an observation that
    the diagnosis names and the evidence supports, with the side and severity of the evidence. One of the same category
    that says more or less gives way to what the table suggests: J81.0, acute, to J81. All others are left out.

    Args:
        diagnosis: as drafted.
        verdicts: observation -> what the evidence says of it.
        sentences: of the report, beside the name: they may say which bone is broken, or which device is there.
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
    told = (diagnosis.name, *sentences), (diagnosis.name,)  # what the name alone allows fits as well
    suggested = [code for claim in supported for texts in told for code in _suggested(claim, verdicts, texts)]
    codes, problems = _codes(diagnosis.icd10, suggested)
    return Examined(Diagnosis(diagnosis.name, codes), one, problems)


def _codes(drafted: Sequence[Code], suggested: Sequence[Code]) -> tuple[tuple[Code, ...], list[Problem]]:
    kept, problems = [], []
    for code in drafted:
        official = icd10.verify(code.code, code.description)
        if official is None:
            detail = f'ICD-10-CM has no such code called "{code.description}"'
            problems.append(Problem("unknown_code", WHERE, code.code, detail, "dropped"))
        elif official in suggested:
            kept.append(official)
        else:
            instead = next((one for one in suggested if icd10.are_kin(one, official)), None)
            kept += [instead] if instead else []
            problems.append(Problem("unfit_code", WHERE, code.code, _unfit(official, instead), "dropped"))
    return tuple(dict.fromkeys(kept)), problems


def _unfit(official: Code, instead: Code | None) -> str:
    more = f"; suggested instead: {instead.code} {instead.description}" if instead else ""
    return f"{official.description}{more}"


def _suggested(claim: Claim, verdicts: Mapping[str, Verdict], texts: Sequence[str]) -> Iterator[Code]:
    """Yield the codes for what is claimed; where it is present, those of an abnormal image as well.

    The first text that names something more exact counts, so that a name is not overruled by what else is said.
    """
    verdict = verdicts.get(claim.observation, Verdict(claim.observation))
    status: Status = "present" if claim.status == verdict.status == "present" else "uncertain"
    suggest = partial(icd10.codes, claim.observation, status, verdict.laterality, verdict.severity)
    told = (suggest(_about(claim.observation, text)) for text in texts)
    yield from next((codes for codes in told if codes != suggest()), suggest())
    if status == "present":
        yield from icd10.codes(claim.observation, "uncertain")


def _about(observation: str, text: str) -> str:
    """Return a text where it says that an observation is present, "" elsewhere."""
    said = any(claim.observation == observation and claim.status == "present" for claim in read(text).claims)
    return text if said else ""


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
