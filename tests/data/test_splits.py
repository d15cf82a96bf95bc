from collections import Counter

import pytest

from medxpert.data.splits import assign


def test_shares():
    counts = Counter(assign(str(patient), 0) for patient in range(5000))
    assert counts["train"] == pytest.approx(4000, abs=120)
    assert counts["val"] == pytest.approx(500, abs=80)
    assert counts["test"] == pytest.approx(500, abs=80)


def test_a_patient_keeps_the_split_for_ever():
    assert [assign(patient, 0) for patient in ("p1", "p8", "p10")] == ["test", "val", "train"]
