"""Agreement of statements with the truth, against sums counted one by one."""

import numpy as np
import pytest

from medxpert.metrics.agreement import FIVE, NAMES, Said, agreement, per_observation
from medxpert.metrics.statistics import resample
from medxpert.ontology import MISSING, NO_FINDING, OBSERVATIONS, PATHOLOGIES


def _random(num_studies, seed, values):
    rng = np.random.default_rng(seed)
    labels = rng.choice(values, (num_studies, 14)).astype(np.int8)
    sides, severities = (rng.integers(-1, 3, (num_studies, 14)).astype(np.int8) for _ in range(2))
    return Said(labels, sides, severities)


def _study(labels, sides=None, severities=None):
    """Build one row from observation -> value; unnamed ones are denied."""
    row = Said(*(np.full((1, 14), value, np.int8) for value in (0, -1, -1)))
    for field, named in zip(row, (labels, sides or {}, severities or {}), strict=True):
        for name, value in named.items():
            field[0, OBSERVATIONS.index(name)] = value
    return row


def _named(said, truth):
    found = agreement(said, truth, np.arange(len(said.labels)))(np.ones((1, len(said.labels))))[0]
    return dict(zip(NAMES, found.tolist(), strict=True))


def _share(part, whole):
    return part / whole if whole else float("nan")


def _f1(pairs):
    hit = sum(said == 1 and true == 1 for said, true in pairs)
    false = sum(said == 1 and true == 0 for said, true in pairs)
    missed = sum(said != 1 and true == 1 for said, true in pairs)
    return _share(2 * hit, 2 * hit + false + missed)


def _naive(said, truth):
    """Count everything study by study."""
    rows = range(len(said.labels))
    pairs = {name: [(said.labels[row, o], truth.labels[row, o]) for row in rows] for o, name in enumerate(OBSERVATIONS)}
    findings = [pair for name in OBSERVATIONS if name != NO_FINDING for pair in pairs[name]]
    there = [pair for pair in findings if pair[1] == 1]
    asserted = [pair for pair in findings if pair[0] == 1 and pair[1] in (0, 1)]
    abnormal = [row for row in rows if any(pairs[name][row][1] == 1 for name in PATHOLOGIES)]
    named = [pairs[name][row][0] for row in abnormal for name in OBSERVATIONS if name != NO_FINDING]
    result = {
        "f1": _f1([pair for one in pairs.values() for pair in one]),
        "f1_five": _f1([pair for name in FIVE for pair in pairs[name]]),
        "false": _share(sum(true == 0 for _, true in asserted), len(asserted)),
        "omitted": _share(sum(value not in (1, -1) for value, _ in there), len(there)),
        "unasserted": _share(sum(value != 1 for value, _ in there), len(there)),
        "hedged_wrongly": _share(
            sum(pair == (-1, 0) for pair in findings), sum(pair[0] == -1 and pair[1] in (0, 1) for pair in findings)
        ),
        "named": _share(sum(value in (1, -1) for value in named), len(abnormal)),
        "asserted": _share(sum(value == 1 for value in named), len(abnormal)),
    }
    for key, names in (("f1_macro", OBSERVATIONS), ("f1_five_macro", FIVE)):
        each = [_f1(pairs[name]) for name in names if any(true == 1 for _, true in pairs[name])]
        result[key] = float(np.mean(each)) if each else float("nan")
    for key, (own, true) in {
        "side": (said.sides, truth.sides),
        "severity": (said.severities, truth.severities),
    }.items():
        known = [
            (own[row, o], true[row, o])
            for row in rows
            for o in range(14)
            if said.labels[row, o] == 1 and truth.labels[row, o] == 1 and true[row, o] >= 0
        ]
        stated = [pair for pair in known if pair[0] >= 0]
        result[key] = _share(sum(a == b for a, b in stated), len(stated))
        result[f"{key}_stated"] = _share(len(stated), len(known))
    return result


@pytest.mark.parametrize(("num_studies", "seed"), [(1, 0), (2, 1), (17, 2), (60, 3)])
def test_agrees_with_counting_one_by_one(num_studies, seed):
    said = _random(num_studies, seed, (1, 0, -1, MISSING))
    truth = _random(num_studies, seed + 100, (1, 0, MISSING))
    expected = _naive(said, truth)
    assert _named(said, truth) == pytest.approx({name: expected[name] for name in NAMES}, nan_ok=True)


def test_weights_are_the_same_as_repeated_patients():
    said, truth = _random(9, 4, (1, 0, -1, MISSING)), _random(9, 5, (1, 0))
    patients = np.array([0, 0, 1, 2, 2, 2, 3, 1, 3])
    weights = np.array([[2.0, 0, 1, 3]])
    rows = np.repeat(np.arange(9), weights[0, patients].astype(int))
    drawn = [Said(*(field[rows] for field in one)) for one in (said, truth)]
    assert agreement(said, truth, patients)(weights)[0] == pytest.approx(list(_named(*drawn).values()), nan_ok=True)


def test_a_hedge_is_no_assertion_and_no_omission():
    truth = _study({"Edema": 1})
    found = _named(_study({"Edema": -1}), truth)
    assert (found["f1"], found["omitted"], found["unasserted"]) == (0.0, 0.0, 1.0)
    assert (found["named"], found["asserted"]) == (1.0, 0.0)
    assert np.isnan(found["false"])
    hedged_wrongly = _named(_study({"Edema": 1, "Fracture": -1}), truth)
    assert hedged_wrongly["false"] == 0.0


def test_what_nobody_knows_counts_for_nothing():
    truth = _study({"Edema": 1, "Fracture": MISSING})
    assert _named(_study({"Edema": 1, "Fracture": 1}), truth)["false"] == 0.0
    assert _named(_study({"Edema": 1, "Fracture": 1}), truth)["f1"] == 1.0


def test_no_finding_counts_in_the_f1_alone():
    found = _named(_study({NO_FINDING: 1, "Edema": 1}), _study({"Edema": 1}))
    assert found["f1"] == pytest.approx(2 / 3)
    assert (found["false"], found["asserted"]) == (0.0, 1.0)


def test_devices_alone_make_no_study_abnormal():
    found = _named(_study({"Support Devices": 1}), _study({"Support Devices": 1}))
    assert np.isnan(found["asserted"])


def test_sides_count_where_the_finding_is_right_and_its_side_is_known():
    names = ("Edema", "Fracture", "Pneumonia", "Pneumothorax")
    truth = _study(dict.fromkeys(names, 1), {"Edema": 2, "Fracture": 0, "Pneumonia": 1})
    said = _study(
        {"Edema": 1, "Fracture": 1, "Pneumonia": 1, "Pneumothorax": 1, "Cardiomegaly": 1},
        {"Edema": 2, "Fracture": 1, "Pneumothorax": 0, "Cardiomegaly": 0},
    )
    found = _named(said, truth)
    assert found["side"] == 0.5
    assert found["side_stated"] == pytest.approx(2 / 3)


def test_nothing_said_and_nothing_true_is_undefined():
    nothing = Said(*(np.full((3, 14), value, np.int8) for value in (MISSING, -1, -1)))
    truth = Said(np.zeros((3, 14), np.int8), *nothing[1:])
    assert np.isnan(list(_named(nothing, truth).values())).all()


def test_each_observation_by_hand():
    truth = Said(np.array([[1] * 14, [1] * 14, [0] * 14, [MISSING] * 14], np.int8), *np.full((2, 4, 14), -1, np.int8))
    said = Said(np.array([[1] * 14, [-1] * 14, [1] * 14, [1] * 14], np.int8), *np.full((2, 4, 14), -1, np.int8))
    found = per_observation(said, truth)
    assert found["sensitivity"].tolist() == [0.5] * 14
    assert found["specificity"].tolist() == [0.0] * 14
    assert found["f1"].tolist() == [0.5] * 14


def test_intervals_hold_the_value():
    said, truth = _random(80, 6, (1, 0, -1, MISSING)), _random(80, 7, (1, 0))
    found = resample(agreement(said, truth, np.arange(80) // 2), 40, draws=200)
    assert len(found.value) == len(NAMES)
    assert (found.low < found.value).all()
    assert (found.value < found.high).all()
