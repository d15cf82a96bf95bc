import pytest

from medxpert.mentions.claims import Cue, under


@pytest.mark.parametrize(
    ("cue", "expected"),
    [
        (Cue.NONE, (1, 0, -1)),
        (Cue.UNCHANGED, (1, 0, -1)),
        (Cue.NEGATIVE, (0, 0, 0)),
        (Cue.PAST, (0, 0, 0)),
        (Cue.UNCERTAIN, (-1, 0, -1)),
        (Cue.IGNORED, (None, None, None)),
    ],
)
def test_what_a_cue_makes_of_a_label(cue, expected):
    assert tuple(under(cue, value) for value in (1, 0, -1)) == expected
