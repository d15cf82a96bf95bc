from medxpert.evaluation.tables.shift import beside
from medxpert.tables.blocks import Block, Row, Shown, percent

PLAIN, SHIFTED = {"value": 0.8, "low": 0.7, "high": 0.85}, {"value": 0.5, "low": 0.46, "high": 0.62}


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


def test_notes_say_what_both_share_once():
    first, second = (table(PLAIN)._replace(note=f"{count} queries: only the own") for count in (12, 10))
    assert beside([first], [second], "adapted")[0].note == "12 queries: only the own; shifted: 10 queries"


def test_a_table_without_a_main_row_is_followed_by_the_shifted_one():
    def strata(cell, *names):
        return Block("strata", "", ("queries", "R@1"), tuple(Row(name, (Shown("9"), percent(cell))) for name in names))

    first, second = beside([strata(PLAIN, "PA")], [strata(SHIFTED, "PA", "AP")], "adapted")
    assert first == strata(PLAIN, "PA")
    assert second.title == "strata · shifted"
    assert [row.name for row in second.rows] == ["PA", "drop", "AP"]
    assert [cell.value for cell in second.rows[1].cells] == ["", "30.0"]


def test_tables_of_the_same_title_meet_in_order():
    found = beside([table(PLAIN), table(SHIFTED), table(PLAIN, "alone")], [table(SHIFTED), table(SHIFTED)], "adapted")
    assert [block.rows[3].cells[0].value for block in found[:2]] == ["30.0", "0.0"]
    assert found[2] == table(PLAIN, "alone")


def test_notes_of_both_pools():
    first, second = table(PLAIN)._replace(note="pool 800"), table(SHIFTED)._replace(note="pool 200")
    assert beside([first], [second], "adapted")[0].note == "pool 800; shifted: pool 200"
    assert beside([first], [first], "adapted")[0].note == "pool 800"


def test_a_fraction_drops_as_a_fraction():
    rows = [(Row("adapted", (Shown(f"{x:.3f}", cell={"value": x, "low": 0, "high": 1}),), "main"),) for x in (0.47, 1)]
    plain, shifted = (Block("image → text", "", ("MRR",), one) for one in rows)
    (block,) = beside([plain], [shifted], "adapted")
    assert block.rows[2].cells[0][:2] == ("-0.530", "")


def test_no_interval_where_everything_hits():
    whole = {"value": 1.0, "low": 1.0, "high": 1.0}
    (block,) = beside([table(whole)], [table(SHIFTED)], "adapted")
    assert block.rows[3].cells[0][:2] == ("50.0", "")
