"""Which answer is "yes": whether a closed question asks that something is there, or that all is well."""

from __future__ import annotations

from collections.abc import Sequence

from medxpert.ontology import NO_FINDING
from medxpert.questions.naming import name
from medxpert.questions.phrases import form


def asks_for_health(text: str, observations: Sequence[str]) -> bool:
    """Tell whether "yes" says that none of the observations is there: "is the heart normal?", "are the lungs clear?".

    Questions that deny ("is there no effusion?") ask whether it is there. No Finding is asked for by "is it normal?",
    so that it is there where all is well.
    """
    masked = name(text).masked
    if tuple(observations) == (NO_FINDING,):
        return not _is_abnormal(masked)
    return bool(form("healthy").search(masked)) and not form("not healthy").search(masked)


def _is_abnormal(masked: str) -> bool:
    return bool(form("abnormal").search(masked)) and not form("freed").search(masked)
