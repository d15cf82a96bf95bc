"""Codes of ICD-10-CM that a report may suggest: the deepest that its own words support, and none that says more.

The table is data (`icd10.json`); the whole classification is loaded only to verify a code that is not in it.

- What is uncertain gets a code for an abnormal image only (R91.8, R93.-): a suspected disease is not coded as one.
- No code says acute or chronic, open or closed, a cause or an encounter, since a film tells none of them. Where all
  billable codes do, the one above them is suggested, and `Code.needs` says what they would still have to state: edema
  gets J81, though the index sends "pulmonary edema NOS" to J81.1, chronic.
- Pneumothorax stays J93.9: J93.83 stands for a spontaneous or acute one. Consolidation stays R91.8, though the index
  sends it to lobar pneumonia.
- A fracture gets R93.7 until the report names the bone: the codes of S22 and S42 are about ribs, clavicle and so on. So
  do old, compression and pathological fractures, which have other causes or codes.
- A device gets a status code only where the report names it: none of the codes means "some device".
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from medxpert.ontology import OBSERVATIONS
from medxpert.reporting import Code, Diagnosis, Severity, Side, Status, Verdict

_ASSERTED: tuple[Status, ...] = ("present", "uncertain")
_SHORT = {"nec": "not elsewhere classified", "nos": "unspecified"}
_WORD = re.compile(r"\w+")
_PART = re.compile(r"[.;]|\b(?:but|although|though|while|however)\b")


def codes(
    observation: str, status: Status = "present", side: Side = "", severity: Severity = "", sentence: str = ""
) -> tuple[Code, ...]:
    """Return the codes that an observation supports; none for what is absent, no disease or not of the 14.

    Args:
        observation: one of `ontology.OBSERVATIONS`.
        status: in the report.
        side: left out where no code tells it, and where the sentence names several bones, since it may be of one only.
        severity: likewise; no code for these observations tells one today.
        sentence: what the report says of it. It may name bones, devices, a solitary nodule; what it denies or doubts
            does not count.
    """
    listed = _topics(observation, status, side, severity, sentence).values()
    return tuple(dict.fromkeys(code for own in listed for code in own))


def diagnoses(verdicts: Sequence[Verdict], sentences: Mapping[str, str] | None = None) -> tuple[Diagnosis, ...]:
    """Name the possible diagnoses: what is present, then what is uncertain ("possible ..."), each in the 14's order.

    Args:
        verdicts: on any of the 14; sides and severities count.
        sentences: observation -> what the report says of it, as in `codes`.
    """
    told = sorted(verdicts, key=lambda one: OBSERVATIONS.index(one.observation))
    return tuple(
        Diagnosis(_called(one.observation, topic, status), listed)
        for status in _ASSERTED
        for one in told
        if one.status == status
        for topic, listed in _of(one, status, (sentences or {}).get(one.observation, "")).items()
    )


def verify(code: str, description: str) -> Code | None:
    """Return the code as ICD-10-CM has it; None where it does not exist or is called otherwise.

    A code that is not billable has its `needs` only where it is in the table.

    Args:
        code: with or without its dot, in either case.
        description: the official one, or what the classification includes under the code. Case, punctuation and the
            order of words do not matter; NEC and NOS stand for their words.
    """
    plain = _dotted(code)
    if plain in _table()["codes"] and _alike(description, _known(plain).description):
        return _known(plain)
    return _official(plain, description)


def are_kin(one: Code, other: Code) -> bool:
    """Tell whether two codes stand in the same category, such as J81: they name the same kind of thing."""
    return one.code[:3] == other.code[:3]


def _of(one: Verdict, status: Status, sentence: str) -> Mapping[str, tuple[Code, ...]]:
    return _topics(one.observation, status, one.laterality, one.severity, sentence)


def _topics(
    observation: str, status: Status, side: Side, severity: Severity, sentence: str
) -> dict[str, tuple[Code, ...]]:
    """Return each thing that the sentence names -> its codes; "" -> those of the observation where it names none."""
    rows: dict[str, list[Mapping[str, Any]]] = {}
    for row in _table()["observations"].get(observation, {}).get(status, ()):
        rows.setdefault(row.get("says", ""), []).append(row)
    text = _asserted(sentence)
    said = [name for name in rows if name and _says(text, name)] or [name for name in rows if not name]
    known = {"side": side if len(said) == 1 else "", "severity": severity}
    return {name: tuple(map(_known, _first(rows[name], known))) for name in said}


def _first(rows: Sequence[Mapping[str, Any]], known: Mapping[str, str]) -> Sequence[str]:
    """Return the codes of the first row whose conditions hold."""
    fitting = (row["codes"] for row in rows if all(row.get(key, value) == value for key, value in known.items()))
    codes: Sequence[str] = next(fitting, ())
    return codes


def _says(text: str, name: str) -> bool:
    words = _table()["words"][name]
    return any(re.search(has, text) for has in words["has"]) and not any(
        _says(text, other) for other in words.get("unless", ())
    )


def _asserted(sentence: str) -> str:
    """Return the parts of a sentence that doubt nothing, without what they deny, in lower case."""
    parts = (part for part in _PART.split(sentence.lower()) if not re.search(_table()["doubt"], part))
    return ". ".join(re.sub(_table()["denial"], "", part) for part in parts)


def _called(observation: str, topic: str, status: Status) -> str:
    named = _table()["words"][topic] if topic else _table()["observations"][observation]
    name = named["name"] if status == "present" else f"possible {named['name']}"
    return str(name[0].upper() + name[1:])


def _official(code: str, description: str) -> Code | None:
    # Loading the classification takes two seconds.
    import simple_icd_10_cm as classification

    if not classification.is_valid_item(code) or classification.is_chapter_or_block(code):
        return None
    official = classification.get_description(code)
    names = (official, *classification.get_inclusion_term(code), *classification.get_includes(code))
    if not any(_alike(description, name) for name in names):
        return None
    if code in _table()["codes"]:
        return _known(code)
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
    return Code(code, row["description"], row["billable"], tuple(row.get("needs", ())))


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = json.loads(files("medxpert").joinpath("icd10.json").read_text("utf-8"))
    return table
