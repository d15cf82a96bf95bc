from pathlib import Path

import numpy as np
import pytest

from medxpert.cases import ROWS_PER_GROUP, SCHEMA, Cases, encode_labels, write_cases
from medxpert.indexes.copying import copy_cases
from medxpert.indexes.joined import JoinedCases, Stacked, additions


def table(path: Path, start: int, count: int) -> Cases:
    empty = dict.fromkeys(SCHEMA.names, "") | {"truth": None, "policy": "open", "images": 1, "split": "train"}
    labels = [encode_labels({"Pneumonia": row % 2}) for row in range(count)]
    rows = (
        empty | {"study_id": f"s{start + row}", "labels": labels[row], "thumbnail": b"%d" % (start + row)}
        for row in range(count)
    )
    write_cases(path, rows)
    return Cases(path)


@pytest.fixture
def joined(tmp_path):
    return JoinedCases([table(tmp_path / "a", 0, 300), table(tmp_path / "b", 300, 2), table(tmp_path / "c", 302, 5)])


def test_rows_stand_one_table_behind_the_other(joined):
    assert len(joined) == 307
    assert joined.study_ids == [f"s{row}" for row in range(307)]
    assert joined.labels.shape == (307, 14)
    assert joined.labels_of(301) == {"Pneumonia": 1}
    assert joined.labels_of(302) == {"Pneumonia": 0}
    assert [joined.thumbnail(row) for row in (0, 299, 300, 306)] == [b"0", b"299", b"300", b"306"]
    assert list(joined.thumbnails([3, 305, 301, 4])) == [b"3", b"305", b"301", b"4"]


def test_what_is_said_of_single_studies_does_not_depend_on_how_often_is_asked(joined):
    wanted = [306, 2, 299, 256, 302, 301, 2, 257]
    expected = [
        (f"s{row}", "", "", {"Pneumonia": (row - first) % 2})
        for row, first in zip(wanted, (302, 0, 0, 0, 302, 300, 0, 0), strict=True)
    ]
    for asked in range(12):
        assert joined.told(wanted) == expected
        assert [table._asked for table in joined._tables] == [asked + 1] * 3
        assert ("texts" in joined._tables[0].__dict__) is (asked >= 8)
    assert joined.told([]) == []


def test_some_rows_are_held_with_everything(joined):
    taken = joined.take(np.array([306, 2]))
    assert taken.study_ids == ["s306", "s2"]
    assert list(taken.thumbnails([0, 1])) == [b"306", b"2"]
    other = joined.relabelled(np.zeros((307, 14), np.int8))
    assert (other.study_ids[306], other.labels.any()) == ("s306", False)


def test_stacked_rows_are_those_of_the_arrays():
    arrays = [np.random.default_rng(0).normal(size=(count, 3)).astype(np.float16) for count in (4, 1, 3)]
    whole, stacked = np.concatenate(arrays), Stacked(tuple(arrays))
    assert len(stacked) == 8
    for rows in (np.array([7, 0, 4, 4, 5]), slice(2, 7), slice(None), np.array([], np.int64)):
        np.testing.assert_array_equal(stacked[rows], whole[rows])


def test_additions_are_counted_not_spelt(tmp_path):
    for name in ("10", "2", "1", ".3.abc", "x"):
        (tmp_path / "added" / name).mkdir(parents=True)
        (tmp_path / "added" / name / "manifest.json").write_text("{}")
    (tmp_path / "added" / "4").mkdir()
    assert additions(tmp_path) == ["1", "2", "10"]


def test_copied_cases_keep_whole_groups(tmp_path):
    source = table(tmp_path / "a", 0, 5000)
    rows = np.flatnonzero(np.arange(5000) % 3 != 1)
    copy_cases(source.path, tmp_path / "b", rows, {"study_id": [f"n{row}" for row in rows]})
    copied = Cases(tmp_path / "b")
    assert copied.study_ids == [f"n{row}" for row in rows]
    places = [0, ROWS_PER_GROUP - 1, ROWS_PER_GROUP, 2900, len(rows) - 1]
    assert list(copied.thumbnails(places)) == [b"%d" % rows[place] for place in places]
    np.testing.assert_array_equal(copied.labels, source.labels[rows])
