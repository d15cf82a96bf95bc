import pytest

from medxpert.evaluation.tables.naming import short_names


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["tiny", "big"], ["tiny", "big"]),
        (["outputs/a", "outputs/b"], ["a", "b"]),
        (
            ["2026-11-23_23-58-03-988116-clip_tiny-phantom", "2026-11-24_00-10-11-000002-clip_b32-phantom"],
            ["tiny", "b32"],
        ),
        (["2026-11-23_23-58-03-clip-phantom", "2026-11-24_00-10-11-clip-phantom"], ["A", "B"]),
        (["2026-11-23_23-58-03-clip-phantom", "2026-11-23_23-59-13-clip-phantom"], ["58-03", "59-13"]),
        (["run-a", "run-ab"], ["a", "ab"]),
        (["run", "run-frozen"], ["run", "run-frozen"]),
        (["run-", "run-b"], ["run-", "run-b"]),
        (["seeds/0/best", "seeds/1/best"], ["A", "B"]),
        (["a-rather-long-name-of-one", "quite-another-name-of-two"], ["A", "B"]),
    ],
)
def test_names_say_what_differs(names, expected):
    assert short_names(names) == expected


def test_more_names_than_letters():
    assert len(set(short_names([f"{number}/x" for number in range(40)]))) == 40
