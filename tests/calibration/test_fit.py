import numpy as np
import pytest

from medxpert.calibration.fit import LEAST, calibrate, neighbour_votes
from medxpert.cases import SCHEMA, encode_labels, write_cases
from medxpert.errors import DataError
from medxpert.evidence import stored
from medxpert.evidence.calibrated import CASES, PROBE, SIDES, ZERO_SHOT, likelihoods, sigmoid
from medxpert.evidence.votes import explicit
from medxpert.ontology import NO_FINDING, OBSERVATIONS, POSITIVE
from medxpert.run import Run, write_embeddings

EDEMA, EFFUSION, FRACTURE = (OBSERVATIONS.index(name) for name in ("Edema", "Pleural Effusion", "Fracture"))
D = 6


def studies(count, seed):
    """Draw embeddings whose first axis tells edema and whose second tells the side of an effusion."""
    generator = np.random.default_rng(seed)
    rows = generator.normal(size=(count, D))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    edema = generator.random(count) < sigmoid(8 * rows[:, 0])
    sides = ["left" if value > 0 else "right" for value in rows[:, 1] + 0.05 * generator.normal(size=count)]
    effusion = generator.random(count) < 0.5
    cases = [
        dict.fromkeys(SCHEMA.names, "")
        | {
            "study_id": f"{seed}-{row}",
            "patient_id": f"{seed}-{row}",
            "text": f"Small {sides[row]} pleural effusion." if effusion[row] else "No pleural effusion.",
            "labels": encode_labels(
                {
                    "Edema": int(edema[row]),
                    "Pleural Effusion": int(effusion[row]),
                    **({} if edema[row] or effusion[row] else {NO_FINDING: POSITIVE}),
                }
            ),
            "truth": None,
            "images": 1,
            "thumbnail": b"",
        }
        for row in range(count)
    ]
    return rows, cases, edema, np.array(sides)


def stated_sides(calibration, rows):
    """Name the likeliest side of each observation where it reaches its bound."""
    likely = likelihoods(calibration.sides, calibration.standard(rows))
    with np.errstate(invalid="ignore"):
        sure = likely.max(axis=2) >= calibration.sides.bound
    return np.where(sure, np.array(SIDES)[np.nan_to_num(likely).argmax(axis=2)], "").tolist()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    run = Run(tmp_path_factory.mktemp("run"))
    for split, (count, seed) in {"train": (600, 0), "val": (300, 1)}.items():
        rows, cases, *_ = studies(count, seed)
        write_cases(run.path / "cases.parquet", cases)
        arrays = {name: rows.astype(np.float16) for name in ("image", "text")}
        write_embeddings(run.path / "embeddings" / split, arrays, run.path / "cases.parquet", {})
    prompts = np.zeros((14, 2, D))
    prompts[EDEMA, 0, 0], prompts[EDEMA, 1, 0] = 0.5, -0.5
    return run, calibrate(run, prompts)


def test_probabilities_are_those_of_unseen_studies(made):
    run, fitted = made
    train = run.embeddings("train")
    rows, _, edema, _ = studies(4000, 2)
    raw = fitted.calibration.raw(rows) | {CASES: neighbour_votes(rows, train, explicit(train.cases.labels))}
    log_odds = fitted.calibration.log_odds(raw)
    own = {name: sigmoid(odds)[:, EDEMA] for name, odds in log_odds.items()}
    own["combined"] = fitted.calibration.combined(log_odds)[:, EDEMA]
    assert set(own) == {ZERO_SHOT, PROBE, CASES, "combined"}
    for name, probability in own.items():
        order = np.argsort(probability)
        gaps = [abs(probability[part].mean() - edema[part].mean()) for part in np.array_split(order, 10)]
        assert np.mean(gaps) < 0.06, name
        assert np.mean((probability - edema) ** 2) < 0.8 * np.var(edema), name


def test_side_is_read_and_what_reports_never_say_is_not_told(made):
    _, fitted = made
    rows, _, _, sides = studies(500, 3)
    told = stated_sides(fitted.calibration, rows)
    named = np.array([row[EFFUSION] for row in told])
    assert (named[named != ""] == sides[named != ""]).mean() > 0.9
    assert (named != "").mean() > 0.5
    assert "bilateral" not in named
    assert {row[EDEMA] for row in told} == {""}
    assert np.isnan(fitted.calibration.severities.bound).all()


def test_an_observation_with_few_studies_is_left_alone(made):
    _, fitted = made
    assert fitted.facts["positive"]["Fracture"] < LEAST
    raw = fitted.calibration.raw(np.eye(D))
    assert np.isnan(fitted.calibration.combined(fitted.calibration.log_odds(raw))[:, FRACTURE]).all()
    assert np.isfinite(fitted.calibration.combined(fitted.calibration.log_odds(raw))[:, EDEMA]).all()


def test_stored_calibration_is_the_same(made, tmp_path):
    _, fitted = made
    stored.write(tmp_path, fitted.calibration, fitted.facts)
    read = stored.read(tmp_path, "python train.py")
    rows = studies(20, 4)[0]
    for one, other in ((fitted.calibration, read),):
        first, second = (kept.log_odds(kept.raw(rows)) for kept in (one, other))
        for name in first:
            np.testing.assert_array_equal(first[name], second[name])
        np.testing.assert_array_equal(one.combined(first), other.combined(second))
        assert stated_sides(one, rows) == stated_sides(other, rows)


@pytest.mark.parametrize("damage", ["calibration.json", "calibration.npz"])
def test_damaged_calibration(made, tmp_path, damage):
    _, fitted = made
    stored.write(tmp_path, fitted.calibration, fitted.facts)
    (tmp_path / damage).write_text("{}")
    with pytest.raises(DataError, match="cure me"):
        stored.read(tmp_path, "cure me")
