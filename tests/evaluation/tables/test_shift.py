import numpy as np
import pytest

from medxpert.evaluation.tables.blocks import Block, Row, Shown, percent
from medxpert.evaluation.tables.shift import beside, difference

PLAIN, SHIFTED = {"value": 0.8, "low": 0.7, "high": 0.85}, {"value": 0.5, "low": 0.46, "high": 0.62}


def test_difference_by_hand():
    found = difference(PLAIN, SHIFTED)
    assert found["value"] == pytest.approx(0.3)
    assert found["low"] == pytest.approx(0.3 - np.hypot(0.1, 0.12))
    assert found["high"] == pytest.approx(0.3 + np.hypot(0.05, 0.04))
    assert difference({"value": 1.0}, {"value": 0.25}) == {"value": 0.75}


def table(cell, title="image → text"):
    rows = (Row("chance", (Shown("1.0"),)), Row("adapted", (percent(cell),), "main"), Row("oracle", (Shown("99"),)))
    return Block(title, "", ("R@1",), rows)


def test_rows_of_contenders_get_two_more():
    (block,) = beside([table(PLAIN)], [table(SHIFTED)], "adapted")
    assert [row.name for row in block.rows] == ["chance", "adapted", "adapted, shifted", "drop", "oracle"]
    assert block.rows[2].cells[0].value == "50.0"
    assert block.rows[3].cells[0].value == "30.0"
    assert block.rows[3].kind == "gain"


def test_columns_of_contenders_get_a_table_of_their_own():
    def columns(cell):
        rows = (Row("Edema", (Shown("20/30"), percent(cell))), Row("Fracture", (Shown("1/49"), Shown(""))))
        return Block("zero-shot AUROC", "note", ("pos/neg", "adapted"), rows)

    first, second = beside([columns(PLAIN)], [columns(SHIFTED)], "adapted")
    assert first == columns(PLAIN)
    assert second.columns == ("adapted", "shifted", "drop")
    assert [row.name for row in second.rows] == ["Edema"]
    assert [cell.value for cell in second.rows[0].cells] == ["80.0", "50.0", "30.0"]


def test_tables_of_the_same_title_meet_in_order():
    found = beside([table(PLAIN), table(SHIFTED), table(PLAIN, "alone")], [table(SHIFTED), table(SHIFTED)], "adapted")
    assert [block.rows[3].cells[0].value for block in found[:2]] == ["30.0", "0.0"]
    assert found[2] == table(PLAIN, "alone")
