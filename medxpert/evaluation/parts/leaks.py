"""What the studies that are asked about share with those the model was trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from medxpert.cases import Cases, is_row_id
from medxpert.evaluation.subject import Part, Subject
from medxpert.ontology import MISSING
from medxpert.tables.blocks import DASH, Block, Row, Shown, percent
from medxpert.text import normalise

LEAKS = {"patient_id": "patients", "study_id": "study ids", "image_hash": "images"}
"""Columns whose values no test study may share with a training study."""
_NUM_FIRST, _SHOWN_CHARS = 3, 12


def leaks(subject: Subject) -> Part | None:
    """Look for patients, studies and images of the split among the training studies; None where these are unknown.

    Returns:
        Figures: {"patients" | "study ids" | "images": {"checked", "shared", "of", "first"}, "texts": {"value",
        "abnormal"}}: distinct values, the first ones named only where every study is open, and the share of studies
        whose text, normalised, a training study bears too.
    """
    return None if subject.train is None else compare_cases(subject.train.cases, subject.cases, subject.split)


def compare_cases(train: Cases, test: Cases, split: str) -> Part:
    """Look for what two sets of studies share; see `leaks`."""
    named = _NUM_FIRST if {*train.column("policy"), *test.column("policy")} == {"open"} else 0
    figures: dict[str, Any] = {
        name: _shared(train.column(column), test.column(column), named) for column, name in LEAKS.items()
    }
    figures["texts"] = _texts(train, test)
    return Part(("leaks", split), figures, (_block(figures, len(train), len(test)),))


def alarms(figures: Mapping[str, Any]) -> list[str]:
    """Return a line for each thing that must not be shared and is."""
    return [
        f"LEAK: {found['shared']:,} of {found['of']:,} {name} of the split were trained on: its figures are too high."
        for name, found in figures.items()
        if found.get("shared")
    ]


def _shared(train: Sequence[str | None], test: Sequence[str | None], named: int) -> dict[str, Any]:
    known, asked = ({value for value in values if value and not is_row_id(value)} for values in (train, test))
    both = sorted(known & asked)
    checked = bool(known and asked)
    return {"checked": checked, "shared": len(both), "of": len(asked), "first": both[:named]}


def _texts(train: Cases, test: Cases) -> dict[str, float | None]:
    known = set(map(normalise, train.texts))
    borne = np.array([normalise(text) in known for text in test.texts])
    abnormal = test.abnormal & (test.labels != MISSING).any(axis=1)
    return {"value": float(borne.mean()), "abnormal": float(borne[abnormal].mean()) if abnormal.any() else None}


def _block(figures: Mapping[str, Any], num_train: int, num_test: int) -> Block:
    rows = [
        Row(name, _cells(figures[name]), "main" if figures[name]["shared"] else "reference") for name in LEAKS.values()
    ]
    texts = figures["texts"]
    rows.append(Row("equal texts %", (percent({"value": texts["value"]}), Shown(""), Shown("no leak"))))
    if texts["abnormal"] is not None:
        rows.append(Row("... abnormal %", (percent({"value": texts["abnormal"]}), Shown(""), Shown("no leak"))))
    told = " ".join(alarms(figures)) or f"{num_test:,} studies against {num_train:,} training studies"
    return Block("shared with training", told, ("shared", "of", "such as"), tuple(rows))


def _cells(found: Mapping[str, Any]) -> tuple[Shown, ...]:
    if not found["checked"]:
        return Shown(DASH), Shown(DASH), Shown("not checked: unknown")
    return Shown(f"{found['shared']:,}"), Shown(f"{found['of']:,}"), Shown(_named(found))


def _named(found: Mapping[str, Any]) -> str:
    if not found["first"]:
        return "not open: unnamed" if found["shared"] else "none"
    more = ", ..." if found["shared"] > len(found["first"]) else ""
    return ", ".join(one[:_SHOWN_CHARS] for one in found["first"]) + more
