import itertools
import json
from pathlib import Path

import numpy as np
import pytest

import medxpert.phantom
from medxpert.ontology import NO_FINDING, OBSERVATIONS
from medxpert.phantom.acquisition import DEVICE_RATES
from medxpert.phantom.findings import draw_course, draw_finding, is_lasting, kinds, pick
from medxpert.phantom.opacities import OPACITIES

FOLDER = Path(medxpert.phantom.__file__).parent
SYNDROMES = json.loads((FOLDER / "syndromes.json").read_text())


def test_every_observation_has_a_kind():
    assert {table["observation"] for table in kinds().values()} == set(OBSERVATIONS) - {NO_FINDING}


def test_every_kind_can_occur():
    drawn = {kind for syndrome in SYNDROMES for kind in syndrome["kinds"]} | set(DEVICE_RATES[True])
    assert drawn == set(kinds())


@pytest.mark.parametrize("kind", kinds())
def test_drawn_values_stay_in_their_tables(kind):
    table = kinds()[kind]
    rng = np.random.default_rng(1)
    findings = [draw_finding(kind, rng) for _ in range(200)]
    assert {finding.side for finding in findings} == set(table.get("sides", {"": 1}))
    assert {finding.zone for finding in findings} == set(table.get("zones", {"": 1}))
    assert {finding.severity for finding in findings} == set(range(1, len(table.get("severities", ())) + 1) or [0])
    if kind in OPACITIES:
        assert all(0 < finding.across < 1 and 0 < finding.along < 1 for finding in findings)


@pytest.mark.parametrize(("part", "expected"), [(0.0, "a"), (0.24, "a"), (0.26, "b"), (0.999999, "b")])
def test_pick_follows_the_chances(part, expected):
    assert pick({"a": 1, "b": 3}, part) == expected


def test_pick_from_nothing_is_nothing():
    assert pick({}, 0.5) == ""


def test_course_changes_but_keeps_what_lasts():
    courses = [draw_course(4, np.random.default_rng(seed)) for seed in range(300)]
    pairs = [(old, new) for course in courses for old, new in itertools.pairwise(course) if old]
    resolved = appeared = changed = 0
    for old, new in pairs:
        before, after = ({finding.kind: finding for finding in findings} for findings in (old, new))
        resolved += bool(set(before) - set(after))
        appeared += bool(set(after) - set(before))
        changed += any(after[kind].severity != before[kind].severity for kind in set(before) & set(after))
        assert all(kind in after for kind in before if is_lasting(kind))
        for kind in set(before) & set(after):
            if after[kind].seed == before[kind].seed:
                assert (after[kind].side, after[kind].zone) == (before[kind].side, before[kind].zone)
    for count in (resolved, appeared, changed):
        assert 0.1 < count / len(pairs) < 0.9
