from medxpert.calibration.reports import read_reports
from medxpert.evidence.calibrated import SEVERITIES, SIDES
from medxpert.ontology import OBSERVATIONS


def said(text, name):
    read = read_reports([text])
    place = OBSERVATIONS.index(name)
    side, severity = read.sides[0, place], read.severities[0, place]
    return SIDES[side] if side >= 0 else "", SEVERITIES[severity] if severity >= 0 else ""


def test_reads_side_and_severity_of_what_is_affirmed_or_suspected():
    text = "Small left pleural effusion. Possible right upper lobe consolidation. No left pneumothorax."
    assert said(text, "Pleural Effusion") == ("left", "mild")
    assert said(text, "Consolidation") == ("right", "")
    assert said(text, "Pneumothorax") == ("", "")


def test_two_sides_are_both_and_the_highest_severity_counts():
    text = "Small left pleural effusion. Large right pleural effusion."
    assert said(text, "Pleural Effusion") == ("bilateral", "severe")
