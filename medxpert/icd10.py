"""Codes of ICD-10-CM for what a radiograph may show, chosen so that none asserts more than a film can show.

The table is data (`icd10.json`); the whole classification is loaded only to verify a code that is not in it.

- What is uncertain gets a code for an abnormal image only (R91.8, R93.-): a suspected disease is not coded as one.
- Edema gets R91.8: J81.0 says acute, J81.1 chronic, J81 is not billable, and one film tells neither.
- A fracture gets R93.7: the codes under S22 say open or closed and which encounter it is, or are not billable.
- A lung lesion gets R91.8: R91.1 says nodule and solitary; pleural change gets J94.9: J92.9 denies asbestos.
- Support devices are no diagnosis. Side and severity change none of these codes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from medxpert.ontology import OBSERVATIONS
from medxpert.reporting import Code, Diagnosis, Status, Verdict

_SHORT = {"nec": "not elsewhere classified", "nos": "unspecified"}
_WORD = re.compile(r"\w+")


def codes(observation: str, status: Status = "present") -> tuple[Code, ...]:
    """Return the codes for an observation of that status; none for what is absent, no disease or not of the 14."""
    listed = _table()["observations"].get(observation, {}).get(status, ())
    return tuple(_known(code) for code in listed)


def observations(code: str) -> tuple[str, ...]:
    """Return the observations that the table gives a code for, whatever their status; none for other codes."""
    plain = _dotted(code)
    rows = _table()["observations"]
    return tuple(name for name, row in rows.items() if plain in (*row["present"], *row["uncertain"]))


def diagnoses(verdicts: Sequence[Verdict]) -> tuple[Diagnosis, ...]:
    """Name the possible diagnoses: what is present, then what is uncertain ("possible ..."), each in the 14's order."""
    told = sorted(verdicts, key=lambda one: OBSERVATIONS.index(one.observation))
    return tuple(diagnosis for status in ("present", "uncertain") for diagnosis in _with_status(told, status))


def verify(code: str, description: str) -> Code | None:
    """Return the code as ICD-10-CM has it; None where it does not exist or is called otherwise.

    Args:
        code: with or without its dot, in either case.
        description: the official one or one of the code's inclusion terms. Case, punctuation and the order of words
            do not matter; NEC and NOS stand for their words.
    """
    plain = _dotted(code)
    if plain in _table()["codes"] and _alike(description, _known(plain).description):
        return _known(plain)
    return _official(plain, description)


def _with_status(verdicts: Sequence[Verdict], status: Status) -> Iterator[Diagnosis]:
    for one in verdicts:
        row = _table()["observations"].get(one.observation)
        if row and one.status == status:
            name = row["name"] if status == "present" else f"possible {row['name']}"
            yield Diagnosis(name[0].upper() + name[1:], codes(one.observation, status))


def _official(code: str, description: str) -> Code | None:
    # Loading the classification takes two seconds.
    import simple_icd_10_cm as classification

    if not classification.is_valid_item(code) or classification.is_chapter_or_block(code):
        return None
    official = classification.get_description(code)
    if not any(_alike(description, name) for name in (official, *classification.get_inclusion_term(code))):
        return None
    return Code(code, official, classification.is_leaf(code))


def _alike(one: str, other: str) -> bool:
    return _words(one) == _words(other)


def _words(description: str) -> list[str]:
    found = _WORD.findall(description.lower())
    return sorted(" ".join(_SHORT.get(word, word) for word in found).split())


def _dotted(code: str) -> str:
    plain = "".join(_WORD.findall(code.upper()))
    return f"{plain[:3]}.{plain[3:]}" if len(plain) > 3 else plain


def _known(code: str) -> Code:
    row = _table()["codes"][code]
    return Code(code, row["description"], row["billable"])


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = json.loads(files("medxpert").joinpath("icd10.json").read_text("utf-8"))
    return table
