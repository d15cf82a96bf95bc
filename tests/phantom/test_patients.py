import itertools

import numpy as np
import pytest

from medxpert.ontology import SUPPORT_DEVICES, is_abnormal
from medxpert.phantom.patients import draw_patient, roster, split_of


@pytest.fixture(scope="module")
def studies():
    return [study for patient in range(2500) for study in draw_patient(0, patient)]


def is_ill(study):
    return any(finding.observation != SUPPORT_DEVICES for finding in study.scene.findings)


def has_devices(study):
    return any(finding.observation == SUPPORT_DEVICES for finding in study.scene.findings)


def test_a_patient_depends_on_seed_and_number_alone():
    alone = draw_patient(3, 40)
    for number in (7, 90):
        draw_patient(3, number)
    assert draw_patient(3, 40) == alone
    assert draw_patient(4, 40) != alone
    assert draw_patient(3, 41)[0].scene != alone[0].scene


def test_the_anatomy_is_the_same_in_all_studies_and_nobody_elses(studies):
    anatomies = {}
    for study in studies:
        anatomies.setdefault(study.patient, set()).add(study.scene.anatomy)
    assert all(len(own) == 1 for own in anatomies.values())
    assert len(set.union(*anatomies.values())) == len(anatomies)
    assert len({study.scene.acquisition.seed for study in studies}) == len(studies)


@pytest.mark.slow
@pytest.mark.parametrize("num_studies", [20, 33, 500])
def test_the_roster_counts_all_studies_and_reaches_every_split(num_studies):
    for seed in range(20):
        rows = list(roster(seed, num_studies))
        assert sum(count for _, count in rows) == num_studies
        assert {split_of(patient) for patient, _ in rows} == {"train", "val", "test"}
        assert all(count == len(draw_patient(seed, patient)) for patient, count in rows[:-1])


def test_splits_have_their_shares():
    splits = [split_of(patient) for patient in range(1000)]
    assert (splits.count("train"), splits.count("val"), splits.count("test")) == (800, 80, 120)


def test_a_third_is_normal(studies):
    normal = np.mean([not is_abnormal(study.report.labels) for study in studies])
    assert 0.30 < normal < 0.38


def test_projection_follows_devices_and_nothing_else(studies):
    ap = np.array([study.scene.acquisition.view == "AP" for study in studies])
    ill = np.array([is_ill(study) for study in studies])
    carrying = np.array([has_devices(study) for study in studies])
    assert ap[carrying].mean() > ap[~carrying].mean() + 0.2
    assert abs(ap[ill].mean() - ap[~ill].mean()) < 0.04


@pytest.mark.parametrize(
    "name", ["exposure", "contrast", "noise", "angle", "scale", "shift_x", "border_left", "shallow"]
)
def test_nuisances_do_not_tell_the_ill_from_the_healthy(studies, name):
    values = np.array([float(getattr(study.scene.acquisition, name)) for study in studies])
    ill = np.array([is_ill(study) for study in studies])
    assert abs(np.corrcoef(values, ill)[0, 1]) < 0.05


def test_implants_stay():
    for patient in range(400):
        carried = [{f.kind for f in study.scene.findings} & {"pacemaker"} for study in draw_patient(0, patient)]
        assert all(before <= after for before, after in itertools.pairwise(carried))
