"""A draft by vote of the similar cases: deterministic, offline, every sentence from a word list."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal, NamedTuple

from medxpert.errors import ConfigError
from medxpert.ontology import (
    NEGATIVE,
    NO_FINDING,
    OBSERVATIONS,
    PATHOLOGIES,
    POSITIVE,
    UNCERTAIN,
    is_abnormal,
)
from medxpert.report import NOTICE
from medxpert.words import Finding, Hit, Report

Status = Literal["present", "absent", "uncertain"]


@dataclass(frozen=True)
class TemplateReporter:
    """Writes what the hits' labels say, each hit's vote weighing its cosine similarity (at least 0).

    For each observation but No Finding, the hits that mention it vote; a hit labelled No Finding votes against
    every pathology it does not mention. With shares of the voters' weight:

    - nothing is said unless the voters hold `quorum` of the weight of all hits: reports mention what they see,
      so a lone mention is no evidence that the others would agree;
    - present, if the positive share is at least `present`;
    - else uncertain, if the positive and uncertain shares together are at least `uncertain`;
    - else absent.

    A finding cites the voters on its side; its support is their share. The impression calls the chest normal
    only if labelled hits without abnormality outweigh the others.

    Raises:
        ConfigError: not 0 < uncertain <= present <= 1, or quorum is outside 0..1.
    """

    present: float = 0.5
    uncertain: float = 0.35
    quorum: float = 0.3

    def __post_init__(self) -> None:
        if not 0 < self.uncertain <= self.present <= 1:
            found = f"uncertain={self.uncertain} and present={self.present}"
            raise ConfigError(f"reporter: expected 0 < uncertain <= present <= 1, found {found}; change them")
        if not 0 <= self.quorum <= 1:
            raise ConfigError(f"reporter.quorum: expected 0 to 1, found {self.quorum}; change reporter.quorum")

    def __call__(self, hits: Sequence[Hit]) -> Report:
        """Draft a report from hits, best first."""
        votes = _weighed(hits)
        findings = tuple(self._findings(votes))
        impression = _impression(findings, hits, votes)
        return Report(findings, impression, reporter="template", notice=NOTICE)

    def _findings(self, votes: Sequence[_Vote]) -> Iterator[Finding]:
        for name in OBSERVATIONS:
            voters = [vote for vote in votes if name in vote.labels and vote.weight > 0]
            if name != NO_FINDING and voters and _share(voters, votes) >= self.quorum:
                yield self._finding(name, voters)

    def _finding(self, name: str, voters: Sequence[_Vote]) -> Finding:
        def side(values: Sequence[int]) -> list[_Vote]:
            return [vote for vote in voters if vote.labels[name] in values]

        verdict = self._verdict(_share(side((POSITIVE,)), voters), _share(side((POSITIVE, UNCERTAIN)), voters))
        backing = side(verdict.values)
        sentence = _words()["observations"][name][verdict.status]
        evidence = tuple(dict.fromkeys(vote.study_id for vote in backing))
        return Finding(name, verdict.status, sentence, _share(backing, voters), evidence)

    def _verdict(self, positive: float, positive_or_uncertain: float) -> _Verdict:
        if positive >= self.present:
            return _Verdict("present", (POSITIVE,))
        if positive_or_uncertain >= self.uncertain:
            return _Verdict("uncertain", (POSITIVE, UNCERTAIN))
        return _Verdict("absent", (NEGATIVE,))


class _Vote(NamedTuple):
    study_id: str
    weight: float
    labels: Mapping[str, int]


class _Verdict(NamedTuple):
    status: Status
    values: tuple[int, ...]


def _weighed(hits: Sequence[Hit]) -> list[_Vote]:
    """Weigh hits by similarity, equally when none is similar; No Finding speaks for the pathologies."""
    alike = any(hit.score > 0 for hit in hits)
    return [_Vote(hit.study_id, max(hit.score, 0.0) if alike else 1.0, _implied(hit.labels)) for hit in hits]


def _share(part: Sequence[_Vote], whole: Sequence[_Vote]) -> float:
    """Return the part's share of the weight, rounded so that equal votes meet a bound exactly."""
    return round(sum(vote.weight for vote in part) / sum(vote.weight for vote in whole), 9)


def _implied(labels: Mapping[str, int]) -> Mapping[str, int]:
    if labels.get(NO_FINDING) == POSITIVE:
        return dict.fromkeys(PATHOLOGIES, NEGATIVE) | dict(labels)
    return labels


def _impression(findings: Sequence[Finding], hits: Sequence[Hit], votes: Sequence[_Vote]) -> str:
    words = _words()["impression"]
    if not hits:
        return str(words["none"])
    named = {status: _names(findings, status) for status in ("present", "uncertain")}
    told = [words[status].format(names=names) for status, names in named.items() if names]
    if not any(f.observation in PATHOLOGIES and f.status != "absent" for f in findings):
        told.append(words[_without_abnormality(findings, votes)].format(study=hits[0].study_id, text=hits[0].text))
    return " ".join(told)


def _names(findings: Sequence[Finding], status: str) -> str:
    words = _words()["observations"]
    return ", ".join(words[f.observation]["name"] for f in findings if f.status == status)


def _without_abnormality(findings: Sequence[Finding], votes: Sequence[_Vote]) -> str:
    """Choose the impression when no pathology is present or uncertain."""
    if not any(finding.observation in PATHOLOGIES for finding in findings):
        return "unlabelled"
    balance = sum(vote.weight * (-1 if is_abnormal(vote.labels) else 1) for vote in votes if vote.labels)
    return "normal" if balance > 0 else "divided"


@cache
def _words() -> dict[str, Any]:
    words: dict[str, Any] = json.loads(files("medxpert.reporters").joinpath("template.json").read_text("utf-8"))
    return words
