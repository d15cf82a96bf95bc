"""Captions: what somebody would say about a scene, with varied wording; every statement is true of the picture."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from medxpert.shapes.scene import KINDS, Dice, Scene, Shape

_TELL_SHAPE, _TELL_ATTRIBUTE, _TELL_PLACE = 0.9, 0.6, 0.85
_TELL_RELATION, _TELL_BACKGROUND, _TELL_ABSENCE = 0.5, 0.5, 0.25
_MIN_GAP = 0.3


@dataclass(frozen=True)
class Statement:
    """What one sentence says; empty or 0 where it says nothing of the sort.

    Attributes:
        kind: of the shape or shapes it is about.
        number: how many shapes of the kind there are; None where that is left open.
        relation: "left" or "above", of the kind beside `other`.
    """

    text: str
    kind: str = ""
    size: str = ""
    tone: str = ""
    fill: str = ""
    place: str = ""
    number: int | None = None
    relation: str = ""
    other: str = ""
    background: str = ""


@lru_cache(maxsize=1)
def _phrases() -> Mapping[str, Any]:
    return json.loads((Path(__file__).parent / "phrases.json").read_text(encoding="utf-8"))


def write_caption(scene: Scene, dice: Dice) -> list[Statement]:
    """Say what a scene shows, one statement per sentence; some things are left unsaid."""
    statements = [*_about_shapes(scene, dice), *_about_relation(scene, dice)]
    if dice.part() < _TELL_ABSENCE:
        statements += _about_absence(scene, dice)
    if dice.part() < _TELL_BACKGROUND or not statements:
        text = dice.pick(_phrases()["backgrounds"][scene.background.kind])
        statements.append(Statement(text, background=scene.background.kind))
    return statements


def _about_shapes(scene: Scene, dice: Dice) -> Iterator[Statement]:
    if not scene.shapes:
        yield Statement(dice.pick(_phrases()["nothing"]), number=0)
        return
    kinds = {shape.kind for shape in scene.shapes}
    if len(kinds) == 1 and len(scene.shapes) > 1:
        yield _group(scene.shapes[0].kind, len(scene.shapes), dice)
    for shape in scene.shapes:
        if dice.part() < _TELL_SHAPE:
            yield _shape(shape, scene.tone(shape), dice)


def _group(kind: str, number: int, dice: Dice) -> Statement:
    phrases = _phrases()
    names = dice.pick(phrases["kinds"][kind])[1]
    text = dice.pick(phrases["groups"]).format(number=phrases["numbers"][number], shapes=names)
    return Statement(_capital(text), kind, number=number)


def _shape(shape: Shape, tone: str, dice: Dice) -> Statement:
    phrases = _phrases()
    told = {"sizes": shape.size, "tones": tone, "fills": shape.fill}
    told = {group: name if dice.part() < _TELL_ATTRIBUTE else "" for group, name in told.items()}
    words = [dice.pick(phrases[group][name]) for group, name in told.items() if name]
    words.append(dice.pick(phrases["kinds"][shape.kind])[0])
    place = shape.place if dice.part() < _TELL_PLACE else ""
    where = dice.pick(phrases["places"][place]) if place else ""
    template = dice.pick(phrases["shapes" if place else "placeless"])
    text = template.format(shape=_with_article(" ".join(words)), place=where)
    return Statement(_capital(text), shape.kind, told["sizes"], told["tones"], told["fills"], place)


def _about_relation(scene: Scene, dice: Dice) -> Iterator[Statement]:
    """Compare the places of the first two shapes that are alone in their kind."""
    alone = [shape for shape in scene.shapes if scene.count(shape.kind) == 1][:2]
    if len(alone) < 2 or dice.part() >= _TELL_RELATION:
        return
    across, down = (abs(getattr(alone[0], axis) - getattr(alone[1], axis)) for axis in "xy")
    if max(across, down) < _MIN_GAP:
        return
    relation, axis = ("left", "x") if across > down else ("above", "y")
    first, second = sorted(alone, key=lambda shape: getattr(shape, axis))
    names = (dice.pick(_phrases()["kinds"][shape.kind])[0] for shape in (first, second))
    template = dice.pick(_phrases()["relations"][relation])
    text = template.format(**dict(zip(("first", "second"), names, strict=True)))
    yield Statement(text, first.kind, relation=relation, other=second.kind)


def _about_absence(scene: Scene, dice: Dice) -> Iterator[Statement]:
    kind = dice.pick(KINDS)
    if scene.shapes and not scene.count(kind):
        text = dice.pick(_phrases()["denials"]).format(kind=dice.pick(_phrases()["kinds"][kind])[0])
        yield Statement(text, kind, number=0)


def _with_article(words: str) -> str:
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
