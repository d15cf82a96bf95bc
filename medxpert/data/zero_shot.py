"""Prompts for classification without training: for each observation, sentences that affirm it and that deny it.

Many wordings per observation, with sides, places and grades, as in GLoRIA (Huang et al., ICCV 2021); they are fixed
beforehand and the same for every data set. They are the plain sentences of reports, so that many of them stand in
training reports too; evaluations say how many.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from itertools import product
from typing import Any, NamedTuple

from medxpert.ontology import NO_FINDING, OBSERVATIONS


class Prompts(NamedTuple):
    """The sentences of one observation."""

    present: tuple[str, ...]
    absent: tuple[str, ...]


@cache
def prompts() -> tuple[Prompts, ...]:
    """Return the prompts of each of the 14 observations, in the order of `OBSERVATIONS`.

    A normal chest denies everything, so its sentences stand among those that deny.
    """
    table = json.loads(files("medxpert.data").joinpath("zero_shot.json").read_text("utf-8"))
    slots, told = table["slots"], table["observations"]
    normal = {name: () if name == NO_FINDING else tuple(table["normal"]) for name in OBSERVATIONS}
    return tuple(
        Prompts(_expanded(told[name]["present"], slots), _expanded(told[name]["absent"], slots) + normal[name])
        for name in OBSERVATIONS
    )


def _expanded(templates: Sequence[str], slots: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(sentence for template in templates for sentence in _filled(template, slots))


def _filled(template: str, slots: Mapping[str, Sequence[str]]) -> Iterator[str]:
    names = re.findall(r"{(\w+)}", template)
    for words in product(*(slots[name] for name in names)):
        sentence = template.format(**dict(zip(names, words, strict=True)))
        yield sentence[0].upper() + sentence[1:]
