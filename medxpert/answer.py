"""What the assistant says to one query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from medxpert.documents.document import as_json
from medxpert.exchange import Reply
from medxpert.indexes.writing import Match
from medxpert.querying import Query
from medxpert.reporting import Report
from medxpert.words import Hit, Policy


@dataclass(frozen=True)
class Answer:
    """What the assistant says to one query.

    Attributes:
        query: what was asked.
        match: what of the cases was compared.
        hits: similar cases as the user wants to see them, best first; none where the assistant abstains.
        report: checked, or the reason why there is none.
        voters: the training cases behind the report, the nearest first.
        policy: the strictest of the run, the captioner and the query.
        reply: to a question about the image, where one was asked.
    """

    query: Query
    match: Match
    hits: Sequence[Hit]
    report: Report
    voters: Sequence[Hit]
    policy: Policy
    reply: Reply | None = None

    @property
    def cited(self) -> set[str]:
        """Study ids and names of scores that the report or the reply cites."""
        named = {name for finding in self.report.findings for name in finding.evidence}
        return named | set(self.reply.evidence if self.reply else ())

    def as_json(self) -> dict[str, Any]:
        """Return plain values: query, hits, report, provenance."""
        hits = [
            {key: value for key, value in asdict(hit).items() if key != "row"} | {"labels": dict(hit.labels)}
            for hit in self.hits
        ]
        return {
            "query": self.query.name,
            "match": self.match,
            "hits": hits,
            "report": as_json(self.report),
            "provenance": dict(self.report.provenance),
        }
