from medxpert.sweeping.outcomes import Outcome
from medxpert.sweeping.table import tables


def test_keys_are_shortened_where_they_stay_apart(tmp_path):
    job = Outcome(0, tmp_path / "0-a", "finished", recall={1: 0.1})
    block = tables(tmp_path, [job], {}, ["model.lr", "optimizer.lr", "loader.batch_size", "seed"]).blocks[0]
    assert block.columns == ("model.lr", "optimizer.lr", "batch_size", "seed", "val R@10", "R@1", "status")
    assert [cell.value for cell in block.rows[0].cells] == ["–"] * 5 + ["10.0", "finished"]  # noqa: RUF001


def test_long_numbers_are_rounded(tmp_path):
    values = {0: {"lr": "0.00012345678", "seed": "5", "name": "a-long-name-of-it"}}
    block = tables(tmp_path, [Outcome(0, tmp_path / "0-a", "pruned")], values, ["lr", "seed", "name"]).blocks[0]
    assert [cell.value for cell in block.rows[0].cells[:3]] == ["0.000123", "5", "a-long-name-of-it"]
