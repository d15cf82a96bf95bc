"""What the evidence says of an assertion: the rule of support, as a table.

| the report says | evidence: present | uncertain      | absent      | neither, with probability p                |
|-----------------|-------------------|----------------|-------------|--------------------------------------------|
| present         | supported         | weak, too sure | unsupported | p >= 0.5: weak, too sure; else unsupported |
| uncertain       | weak, not sure    | supported      | unsupported | weak, too sure                             |
| absent          | unsupported       | weak, too sure | supported   | p < 0.5: weak, too sure; else unsupported  |

- Where nothing speaks of an observation (no probability), every assertion about it is unsupported.
- Sources that contradict each other make supported weak.
- Sides: left for right is unsupported; one for both, both for one, or a side where the evidence tells none is weak.
  An absence on the side where the evidence has nothing is supported ("no left effusion" beside a right one).
- Severity: one step off, or stated where the evidence tells none, is weak; two steps off is unsupported. Not stating
  side or severity is no fault.
- A general denial ("normal chest radiograph") is unsupported where anything that it denies is present and weak where
  something is uncertain. Else it is supported if No Finding is present (where it denies everything) or all that it
  denies is absent; weak if anything is known of it; unsupported if nothing is.

An assertion with several faults has the worst of their levels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from medxpert.checker.reading import Claim
from medxpert.evidence.calibrated import SEVERITIES
from medxpert.ontology import NO_FINDING, PATHOLOGIES
from medxpert.reporting import Status, Support, Verdict

LEVELS: tuple[Support, ...] = ("supported", "weak", "unsupported")
"""From the best to the worst."""
LIKELY = 0.5
_FAULTS: Mapping[tuple[Status, str], tuple[str, Support]] = {
    ("present", "uncertain"): ("overstated", "weak"),
    ("present", "absent"): ("contradicted", "unsupported"),
    ("uncertain", "present"): ("understated", "weak"),
    ("uncertain", "absent"): ("contradicted", "unsupported"),
    ("absent", "present"): ("contradicted", "unsupported"),
    ("absent", "uncertain"): ("overstated", "weak"),
}
"""(the report says, the evidence says) -> what is wrong with that."""


class Fault(NamedTuple):
    """One thing that is wrong with a statement, and what it makes of the statement's support."""

    kind: str
    level: Support
    detail: str


def worst(levels: Iterable[Support]) -> Support:
    """Return the worst of some levels; "supported" of none."""
    return max(levels, key=LEVELS.index, default="supported")


def weigh(claim: Claim, verdict: Verdict) -> list[Fault]:
    """Weigh one assertion against the verdict on its observation."""
    told = f"{claim.observation}: the report says {claim.status}, the evidence {_evidence(verdict)}"
    faults = [] if _elsewhere(claim, verdict) else [Fault(*fault, told) for fault in _of_status(claim, verdict)]
    if verdict.contradictory and not faults:
        scores = ", ".join(f"{name} {score:.0%}" for name, score in verdict.scores.items())
        faults.append(Fault("contradictory_evidence", "weak", f"{claim.observation}: {scores}"))
    if claim.status != "absent" and verdict.status in ("present", "uncertain"):
        faults += [*_of_side(claim, verdict), *_of_severity(claim, verdict)]
    return faults


def weigh_denial(names: Sequence[str], verdicts: Mapping[str, Verdict]) -> list[Fault]:
    """Weigh the assertion that none of `names` is there."""
    told = [verdicts.get(name, Verdict(name)) for name in names]
    faults = [
        Fault(*fault, f"{one.observation}: denied, the evidence {_evidence(one)}")
        for one in told
        for fault in _of_denied(one)
    ]
    whole = len(names) == len(PATHOLOGIES) and verdicts.get(NO_FINDING, Verdict(NO_FINDING)).status == "present"
    absent = sum(one.status == "absent" for one in told)
    if faults or whole or absent == len(told):
        return faults
    detail = f"of {len(told)} observations that are denied, the evidence says absent of {absent}"
    known = any(one.probability is not None for one in told)
    return [Fault("overstated", "weak", detail) if known else Fault("unfounded", "unsupported", detail)]


def _of_status(claim: Claim, verdict: Verdict) -> list[tuple[str, Support]]:
    if verdict.status:
        fault = _FAULTS.get((claim.status, verdict.status))
    elif verdict.probability is None:
        fault = ("unfounded", "unsupported")
    else:
        fault = _of_unstated(claim, verdict.probability)
    return [fault] if fault else []


def _of_denied(verdict: Verdict) -> list[tuple[str, Support]]:
    return _of_status(Claim(verdict.observation, "absent"), verdict) if verdict.status else []


def _of_unstated(claim: Claim, probability: float) -> tuple[str, Support]:
    if claim.status == "present" and probability < LIKELY:
        return "unfounded", "unsupported"
    if claim.status == "absent" and probability >= LIKELY:
        return "contradicted", "unsupported"
    return "overstated", "weak"


def _elsewhere(claim: Claim, verdict: Verdict) -> bool:
    """Tell whether an absence is about the side where the evidence has nothing."""
    one_sided = {"left", "right"}
    return claim.status == "absent" and {claim.side, verdict.laterality} == one_sided


def _of_side(claim: Claim, verdict: Verdict) -> Iterator[Fault]:
    said, known = claim.side, verdict.laterality
    if said and said != known:
        opposite = {said, known} == {"left", "right"}
        detail = f"{claim.observation}: the report says {said}, the evidence {known or 'no side'}"
        yield Fault("side", "unsupported" if opposite else "weak", detail)


def _of_severity(claim: Claim, verdict: Verdict) -> Iterator[Fault]:
    said, known = claim.severity, verdict.severity
    if said and said != known:
        far = bool(known) and abs(SEVERITIES.index(said) - SEVERITIES.index(known)) > 1
        detail = f"{claim.observation}: the report says {said}, the evidence {known or 'no severity'}"
        yield Fault("severity", "unsupported" if far else "weak", detail)


def _evidence(verdict: Verdict) -> str:
    if verdict.probability is None:
        return verdict.status or "nothing"
    return f"{verdict.status or 'neither'} (p = {verdict.probability:.2f})"
