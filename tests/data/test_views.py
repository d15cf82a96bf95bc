import pytest

from medxpert.data.views import projection


@pytest.mark.parametrize(
    ("text", "view"),
    [
        ("PA", "PA"),
        ("pa", "PA"),
        ("AP", "AP"),
        ("AP AXIAL", "AP"),
        ("AP LLD", "AP"),
        ("LATERAL", "LATERAL"),
        ("LL", "LATERAL"),
        ("XTABLE LATERAL", "LATERAL"),
        ("left lateral", "LATERAL"),
        ("postero-anterior", "PA"),
        ("antero-posterior", "AP"),
        ("CHEST (PORTABLE AP)", "AP"),
        ("CHEST (PA AND LAT)", ""),
        ("CHEST (LAT DECUB ONLY)", ""),
        ("CHEST (SINGLE VIEW)", ""),
        ("left anterior oblique", ""),
        ("SWIMMERS", ""),
        ("Frontal", ""),
        ("", ""),
    ],
)
def test_projection(text, view):
    assert projection(text) == view
