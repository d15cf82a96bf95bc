import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from medxpert.shapes.captions import write_caption
from medxpert.shapes.rendering import render
from medxpert.shapes.scene import KINDS, Dice, draw_scene

SIDE = 64


@pytest.fixture(scope="module")
def told():
    dice = Dice(np.random.default_rng(0))
    scenes = [draw_scene(dice) for _ in range(3000)]
    return [(scene, write_caption(scene, dice)) for scene in scenes]


def change(scene, shape):
    """Return what one shape changes in the picture, without nuisances: grey levels [SIDE, SIDE]."""
    clean = replace(scene, noise=0.0, blur=0.0)
    alone, without = replace(clean, shapes=(shape,)), replace(clean, shapes=())
    return render(alone, SIDE).astype(int) - render(without, SIDE)


def centre(scene, shape):
    rows, columns = np.nonzero(change(scene, shape))
    return (columns.mean() + 0.5) * 2 / SIDE - 1, (rows.mean() + 0.5) * 2 / SIDE - 1


def shapes_of(scene, kind):
    return [shape for shape in scene.shapes if shape.kind == kind]


def test_named_place_holds_the_shape_in_the_pixels(told):
    places = [(scene, s) for scene, statements in told[:600] for s in statements if s.place]
    for scene, statement in places:
        found = [centre(scene, shape) for shape in shapes_of(scene, statement.kind)]
        for word, axis, way in (("left", 0, -1), ("right", 0, 1), ("upper", 1, -1), ("lower", 1, 1)):
            if word in statement.place.split():
                assert max(way * place[axis] for place in found) > 0.15
    assert len(places) > 300


def test_relation_holds_in_the_pixels(told):
    related = [(scene, s) for scene, statements in told for s in statements if s.relation][:300]
    for scene, statement in related:
        (first,), (second,) = shapes_of(scene, statement.kind), shapes_of(scene, statement.other)
        axis = 0 if statement.relation == "left" else 1
        assert centre(scene, first)[axis] < centre(scene, second)[axis]
    assert len(related) == 300


def test_relation_is_said_the_right_way_round(told):
    for _, statements in told:
        for statement in statements:
            if statement.relation:
                turned = bool(re.search(r"\b(right|below)\b", statement.text))
                names = [statement.kind, statement.other][:: -1 if turned else 1]
                places = [first_mention(statement.text, name) for name in names]
                assert places == sorted(places), statement


def first_mention(text, kind):
    words = {
        "circle": r"(?<!hollow )circle|disc|round spot",
        "ring": "ring|hoop|hollow circle",
        "square": "square|box",
        "triangle": "triangle|wedge",
        "cross": "cross|plus sign",
        "bar": r"\bbar|rod|thick line",
        "star": "star",
        "crescent": "crescent|sickle",
        "oval": "oval|ellipse",
        "blob": "blob|irregular patch",
    }
    return re.search(words[kind], text).start()


def test_tone_holds_in_the_pixels(told):
    toned = [(scene, s) for scene, statements in told[:800] for s in statements if s.tone]
    for scene, statement in toned:
        signs = [np.sign(change(scene, shape).mean()) for shape in shapes_of(scene, statement.kind)]
        assert (1 if statement.tone == "bright" else -1) in signs
    assert len(toned) > 300


def test_size_and_fill_are_some_shapes(told):
    for scene, statements in told:
        for s in statements:
            if s.size or s.fill:
                ours = shapes_of(scene, s.kind)
                assert any(s.size in ("", one.size) and s.fill in ("", one.fill) for one in ours)


def test_counts_and_denials_hold(told):
    numbers = Counter()
    for scene, statements in told:
        for statement in statements:
            if statement.number is not None:
                counted = scene.count(statement.kind) if statement.kind else len(scene.shapes)
                assert counted == statement.number, statement
                numbers[statement.number] += 1
                if statement.kind and statement.number:
                    assert ("zero", "one", "two", "three", "four")[statement.number] in statement.text.lower()
    assert {0, 2, 3} <= set(numbers)


def test_background_is_the_pictures(told):
    for scene, statements in told:
        assert {s.background for s in statements} <= {"", scene.background.kind}


def test_text_is_varied_and_clean(told):
    texts = [" ".join(statement.text for statement in statements) for _, statements in told]
    for text in texts:
        assert text
        assert not re.search(r"[{}]|  |\.\.|\ba [aeiou]|\ban [^aeiou]", text, re.IGNORECASE), text
    assert len(set(texts)) > 0.7 * len(texts)
    assert max(len(text.split()) for text in texts) < 70
    assert {kind for _, statements in told for kind in (s.kind for s in statements)} == {*KINDS, ""}
