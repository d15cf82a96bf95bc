"""The sentences of a draft, each with what it asserts and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from medxpert.checker.reading import Claim, Reading, read
from medxpert.checker.weighing import LEVELS, Fault, weigh, weigh_denial, worst
from medxpert.evidence.calibrated import SEVERITIES
from medxpert.ontology import NO_FINDING, PATHOLOGIES
from medxpert.reporting import Finding, Problem, Severity, Side, Support, Verdict

Action = Literal["marked", "dropped", "noted"]
_FIRMNESS = ("absent", "uncertain", "present")
_SEVERITIES = ("", *SEVERITIES)


@dataclass
class Statement:
    """One sentence of a report.

    Attributes:
        where: "findings", "impression" or "diagnoses".
        text: as the draft has it.
        reading: what it asserts.
        faults: what is wrong with it, as far as was looked.
        doubted: whether nothing that is said of this picture can be more than weak.
    """

    where: str
    text: str
    reading: Reading
    faults: list[Fault] = field(default_factory=list)
    doubted: bool = False

    @property
    def support(self) -> Support:
        """What its worst fault leaves."""
        levels: list[Support] = [fault.level for fault in self.faults]
        return worst([*levels, "weak"] if self.doubted else levels)

    def problems(self, dropped: bool) -> Iterator[Problem]:
        """Report the faults, given whether the statement is left out."""
        for fault in self.faults:
            noted: Action = "noted" if fault.level == "supported" else "marked"
            action: Action = "dropped" if dropped else noted
            yield Problem(fault.kind, self.where, self.text, fault.detail, action)


def statement(where: str, text: str) -> Statement:
    """Read one sentence."""
    return Statement(where, text, read(text))


def asserted(statements: Sequence[Statement]) -> frozenset[str]:
    """Return the observations that are said to be present or uncertain anywhere."""
    claims = (claim for one in statements for claim in one.reading.claims)
    return frozenset(claim.observation for claim in claims if claim.status != "absent")


def faults_of(reading: Reading, verdicts: Mapping[str, Verdict], elsewhere: frozenset[str]) -> list[Fault]:
    """Weigh all that a sentence asserts, in a report that asserts the observations in `elsewhere`."""
    faults = [fault for claim in reading.claims for fault in weigh(claim, _verdict(verdicts, claim.observation))]
    for denial in reading.denials:
        faults += weigh_denial(denial.meant(elsewhere), verdicts)
    return list(dict.fromkeys([*faults, *_of_words(reading)]))


def corrected(finding: Finding, reading: Reading) -> tuple[Finding, list[Fault]]:
    """Make a finding's fields say what its sentence says; return it with what was wrong."""
    told = _told(finding.observation, reading)
    if told is None:
        detail = f"the fields say {finding.observation}, the sentence nothing of it"
        return finding, [Fault("mismatch", "unsupported", detail)]
    pairs = (finding.status, told.status), (finding.laterality, told.side), (finding.severity, told.severity)
    faults = [
        Fault("mismatch", "weak" if field and said else "supported", _differ(finding.observation, field, said))
        for field, said in pairs
        if field != said
    ]
    return replace(finding, status=told.status, laterality=told.side, severity=told.severity), faults


def contradict(statements: Sequence[Statement]) -> None:
    """Note where a report contradicts itself, on the statement that the evidence supports less, or else the later."""
    elsewhere = asserted(statements)
    claims: dict[str, list[tuple[int, Claim]]] = {}
    for at, one in enumerate(statements):
        for claim in _claims(one.reading, elsewhere):
            claims.setdefault(claim.observation, []).append((at, claim))
    for name, said in claims.items():
        denied = [(at, claim) for at, claim in said if claim.status == "absent"]
        for at, no in denied:
            for other, yes in said:
                if yes.status != "absent" and _about_one_side(no, yes):
                    loser = max((at, other), key=lambda place: (LEVELS.index(statements[place].support), place))
                    _blame(statements[loser], f"{name} is {yes.status} and absent")


def _blame(loser: Statement, detail: str) -> None:
    fault = Fault("contradiction", "weak", detail)
    if fault not in loser.faults:
        loser.faults.append(fault)


def _about_one_side(no: Claim, yes: Claim) -> bool:
    return not no.side or no.side == "bilateral" or no.side == yes.side or yes.side in ("", "bilateral")


def _claims(reading: Reading, elsewhere: frozenset[str]) -> list[Claim]:
    denied = dict.fromkeys(name for denial in reading.denials for name in denial.meant(elsewhere))
    own = {claim.observation for claim in reading.claims}
    return [*reading.claims, *(Claim(name, "absent") for name in denied if name not in own)]


def _told(observation: str, reading: Reading) -> Claim | None:
    """Return what a sentence says of one observation: the firmest status, all its sides, the worst severity."""
    if observation == NO_FINDING:
        whole = any(set(PATHOLOGIES) <= set(denial.observations) for denial in reading.denials)
        return Claim(NO_FINDING, "present") if whole else None
    claims = reading.about(observation)
    if not claims:
        return None
    status = max((claim.status for claim in claims), key=_FIRMNESS.index)
    meant = [claim for claim in claims if claim.status == status]
    sides: list[Side] = sorted({claim.side for claim in meant if claim.side})
    severity: Severity = max((claim.severity for claim in meant), key=_SEVERITIES.index)
    return Claim(observation, status, sides[0] if len(sides) == 1 else "bilateral" if sides else "", severity)


def _of_words(reading: Reading) -> Iterator[Fault]:
    for piece in reading.unread:
        yield Fault("unreadable", "unsupported", f"not read: {piece}")
    if reading.partial:
        yield Fault("unreadable", "weak", f"not read: {'; '.join(reading.partial)}")
    if reading.beyond:
        yield Fault("beyond_evidence", "unsupported", ", ".join(reading.beyond))
    if reading.comparison:
        yield Fault("comparison", "weak", ", ".join(reading.comparison))
    if reading.finer:
        yield Fault("finer", "weak", ", ".join(reading.finer))


def _differ(observation: str, field: str, said: str) -> str:
    return f"{observation}: the field says {field or 'nothing'}, the sentence {said or 'nothing'}"


def _verdict(verdicts: Mapping[str, Verdict], observation: str) -> Verdict:
    return verdicts.get(observation, Verdict(observation))
