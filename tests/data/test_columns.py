from pathlib import Path

import pytest

from medxpert.data.columns import Columns
from medxpert.data.tables import Row


def columns(*header):
    return Columns.of(header, Path("m.csv"))


@pytest.mark.parametrize("name", ["image", "Image Path", "IMAGE_PATH", "path", "Image Index", "filename"])
def test_image_aliases(name):
    assert columns("age", name).places["image"] == 1


def test_first_listed_name_wins():
    assert columns("path", "image").places["image"] == 1


def test_joined_names_make_other_label_columns_plain():
    assert columns("image", "Edema").labels == {"Edema": 1}
    assert columns("image", "Edema", "Finding Labels").labels == {}


@pytest.mark.parametrize(
    ("cell", "view"), [("PA", "PA"), ("ap", "AP"), ("LL", "LATERAL"), ("Lateral", "LATERAL"), ("oblique", ""), ("", "")]
)
def test_views(cell, view):
    assert columns("image", "View Position").view(Row(2, ["1", cell])) == view


@pytest.mark.parametrize(
    ("cell", "expected"), [("1", 1), ("1.0", 1), ("True", 1), ("0.0", 0), ("-1.0", -1), ("", None), ("NaN", None)]
)
def test_values(cell, expected):
    statuses = columns("image", "Edema").statuses(Row(2, ["1", cell]))
    assert statuses == ({} if expected is None else {"Edema": expected})


@pytest.mark.parametrize(
    ("cell", "expected"), [("Train", "train"), ("validate", "val"), ("valid", "val"), ("dev", "val"), ("test", "test")]
)
def test_splits(cell, expected):
    assert columns("image", "split").split(Row(2, ["1", cell])) == expected
