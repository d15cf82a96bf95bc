"""Which findings have a place, and where it is in the picture."""

import pytest

from medxpert.app.diagnosing.overlay import _within, places
from medxpert.reporting import Finding, Report


def test_the_surest_finding_is_placed_first():
    found = [("Edema", "uncertain"), ("Fracture", "present"), ("Pneumonia", "present"), ("Cardiomegaly", "absent")]
    findings = tuple(Finding(name, status, "") for name, status in found)
    sure = {"Edema": 0.3, "Fracture": 0.5, "Pneumonia": 0.9}
    report = Report("", "", findings, (), (), (), "template", provenance={"probabilities": sure})

    assert places(report) == ["Pneumonia", "Fracture", "Edema"]


@pytest.mark.parametrize(
    ("peak", "size", "expected"),
    [((0.5, 0.5), (30, 60), (0.5, 0.5)), ((0.25, 0.1), (30, 60), (0.0, 0.1)), ((0.9, 0.75), (60, 30), (0.9, 1.0))],
)
def test_a_peak_is_found_again_in_the_picture(peak, size, expected):
    assert _within(peak, *size) == pytest.approx(expected)
