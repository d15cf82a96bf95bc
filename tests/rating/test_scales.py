"""Every level has its defining sentence."""

import pytest

from medxpert.errors import DataError
from medxpert.rating.scales import check_values, scales


def test_every_scale_ascends_and_defines_each_level():
    assert [scale.name for scale in scales()] == ["correctness", "completeness", "harm", "sign"]
    for scale in scales():
        assert list(scale.values) == sorted(set(scale.values))
        assert len({level.sentence for level in scale.levels}) == len(scale.levels)
        assert all(level.sentence.endswith(".") and level.label for level in scale.levels)


@pytest.mark.parametrize(
    ("changed", "message"),
    [({"harm": 4}, "Harm: expected one of 0, 1, 2, 3, found 4"), ({"sign": None}, "Would sign: .* found None")],
)
def test_what_is_no_level_is_refused(changed, message):
    whole = {"correctness": 1, "completeness": 5, "harm": 0, "sign": 3}
    check_values(whole)
    with pytest.raises(DataError, match=message):
        check_values(whole | changed)
