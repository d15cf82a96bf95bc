"""What a reader study comes to: sources described and compared, agreement, what was left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from medxpert.metrics.statistics import DRAWS
from medxpert.rating.agreeing import FEWEST, Agreement, agreements
from medxpert.rating.comparing import Difference, Summary, differences, plain, summaries
from medxpert.rating.design import SIMULATED, plan_of
from medxpert.rating.ratings import Ratings
from medxpert.rating.record import Rated, Study
from medxpert.tables.blocks import DASH


class Analysis(NamedTuple):
    """All figures of one study.

    Attributes:
        summaries: of each source by each outcome.
        differences: of any two sources.
        agreements: of the readers on each scale.
        notes: what the figures rest on, a sentence each.
    """

    summaries: Sequence[Summary]
    differences: Sequence[Difference]
    agreements: Sequence[Agreement]
    notes: Sequence[str]

    def as_json(self) -> dict[str, Any]:
        """Return plain values; null for what is not known."""
        return {
            "notes": list(self.notes),
            "sources": [plain(one._asdict()) for one in self.summaries],
            "differences": [plain(one._asdict()) for one in self.differences],
            "agreement": [plain(one._asdict()) for one in self.agreements],
        }


def analyse(rated: Sequence[Rated], study: Study, draws: int = DRAWS) -> Analysis:
    """Analyse the ratings of a study.

    Args:
        rated: all of them, repetitions too.
        study: that they are of.
        draws: of each bootstrap.

    Raises:
        DataError: nothing was rated.
    """
    ratings = Ratings.of(rated, 60 * plan_of(study.design["plan"]).pause_minutes)
    return Analysis(
        summaries(ratings, draws), differences(ratings, draws), agreements(ratings), _notes(ratings, study.design)
    )


def _notes(ratings: Ratings, design: Mapping[str, Any]) -> list[str]:
    first = [one for one in ratings.rated if not one.repeated]
    wanted = len(ratings.readers) * len(design.get("cases", ratings.cases)) * len(ratings.sources)
    untimed = sum(not ratings.is_timed(one) for one in first)
    notes = [
        f"{len(ratings.readers)} readers, {len(ratings.cases)} cases, {len(ratings.sources)} sources; {len(first)} of "
        f"{wanted} ratings given, {len(ratings.rated) - len(first)} repetitions beside them.",
        "Means are over cases, each averaged over its readers; intervals of 95 % by a bootstrap over patients.",
        "A difference counts a case for a reader who rated both reports of it; p by flipping the signs of patients, "
        "corrected by Holm over all pairs of sources and the outcomes correctness, completeness, harm and signing.",
        f"Time: {untimed} ratings left out, for a silence above {ratings.pause_seconds / 60:g} minutes or a session "
        "that broke off.",
        f"Intraclass correlation: two-way random, absolute agreement, on reports that all readers rated; readers with "
        f"less than {FEWEST:.0%} of the reports are left out; no interval ({DASH}) where all agree in everything, or "
        "tell no report from another.",
        *design.get("told", ()),
    ]
    if design.get(SIMULATED):
        notes.insert(0, "SIMULATED: these ratings were drawn by a program; they say nothing of any report.")
    return notes
