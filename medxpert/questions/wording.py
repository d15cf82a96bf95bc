"""The sentences of offline answers, from the words in `reply.json`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from medxpert.ontology import OBSERVATIONS
from medxpert.questions.phrases import book
from medxpert.reporting import Verdict


def sentence(key: str, inner: str = "", **slots: str) -> str:
    """Fill a sentence; `inner` chooses one where `reply.json` has several."""
    told: Any = book("reply")[key]
    return str(told[inner] if inner else told).format(**slots)


def cannot(key: str, observations: Sequence[str] = ()) -> str:
    """Say that the image does not tell, and why."""
    return sentence("cannot", reason=sentence("reasons", key, names=named(observations)))


def named(observations: Sequence[str], joint: str = "or") -> str:
    """List names: "pneumothorax, pleural effusion or fracture"."""
    names = [plain(one) for one in observations]
    return f" {joint} ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def plain(observation: str) -> str:
    """Return what an observation is called in a sentence."""
    return str(_row(observation)["name"])


def graded(observation: str, severity: str) -> str:
    """Return the word for a severity of an observation: "large" for a severe effusion."""
    return str(book("reply")["severities"][_row(observation)["scale"]][severity])


def article(observation: str) -> str:
    """Name an observation with its article: "a pneumothorax"."""
    return phrase(Verdict(observation))


def phrase(verdict: Verdict, is_whole: bool = True) -> str:
    """Name an observation with the severity and side that the verdict states, and an article unless asked for none."""
    words = [graded(verdict.observation, verdict.severity)] if verdict.severity else []
    words += [*([verdict.laterality] if verdict.laterality else []), plain(verdict.observation)]
    own = str(_row(verdict.observation).get("article", ""))
    if not (is_whole and own):
        return " ".join(words)
    return f"{'an' if words[0][0] in 'aeiou' else own} {' '.join(words)}"


def denied(observations: Sequence[str]) -> str:
    """Deny several observations in one sentence, in their own order; "" of none."""
    return sentence("absent", names=named([one for one in OBSERVATIONS if one in observations])) if observations else ""


def listed(names: Sequence[str]) -> str:
    """List at most a few things that were found."""
    return ", ".join(names[:-1]) + (" and " if len(names) > 1 else "") + names[-1] if names else ""


def _row(observation: str) -> dict[str, Any]:
    row: dict[str, Any] = book("reply")["observations"][observation]
    return row
