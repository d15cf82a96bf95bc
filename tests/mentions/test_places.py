import pytest

from medxpert.labeler import mentions


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Small right pleural effusion with large left basilar opacity.",
            [("right", "", "mild"), ("left", "lower", "severe")],
        ),
        ("A large mass is present in the right upper lobe.", [("right", "upper", "severe")]),
        ("Bilateral pleural effusions, moderate in size.", [("bilateral", "", "moderate")]),
        ("Opacities in the left and right lung bases.", [("bilateral", "lower", "")]),
        ("Consolidation of the middle lobe.", [("", "mid", "")]),
        ("No edema. Left fracture.", [("", "", ""), ("left", "", "")]),
        ("Right effusion and atelectasis.", [("right", "", ""), ("", "", "")]),
    ],
)
def test_side_zone_and_severity_are_read_where_said(text, expected):
    assert [(m.side, m.zone, m.severity) for m in mentions(text)] == expected
