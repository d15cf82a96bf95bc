import numpy as np
import pytest

from medxpert.models.encoders.sharing import order, share

END = 9


def padded(*rows):
    tokens = np.zeros((len(rows), max(map(len, rows))), np.int64)
    for target, row in zip(tokens, rows, strict=True):
        target[: len(row)] = row
    return tokens


def test_beginnings_are_there_once():
    shared = share(padded([8, 1, 2, END], [8, 1, 3, 4, END], [8, 1, 3, 4, END], [8, 5, END]))
    assert shared.tokens.tolist() == [8, 1, 2, END, 3, 4, END, 5, END]
    assert shared.positions.tolist() == [0, 1, 2, 3, 2, 3, 4, 1, 2]
    assert shared.nodes.tolist() == [[0, 1, 2, 3, 0], [0, 1, 4, 5, 6], [0, 1, 4, 5, 6], [0, 7, 8, 0, 0]]
    assert shared.ends.tolist() == [3, 4, 4, 2]


@pytest.mark.parametrize("seed", range(5))
def test_every_path_spells_its_text(seed):
    rng = np.random.default_rng(seed)
    rows = [[8, *rng.integers(1, 4, rng.integers(0, 6)).tolist(), END] for _ in range(30)]
    tokens = padded(*rows)
    shared = share(tokens)
    for row, path in zip(rows, shared.nodes, strict=True):
        assert shared.tokens[path[: len(row)]].tolist() == row
        assert shared.positions[path[: len(row)]].tolist() == list(range(len(row)))
    flat = shared.nodes.ravel()
    assert flat[shared.firsts].tolist() == list(range(len(shared.tokens)))
    # no two nodes stand for the same beginning when neighbours have most in common
    ordered = share(tokens[order([np.array(row) for row in rows])])
    beginnings = {tuple(row[:length]) for row in rows for length in range(1, len(row) + 1)}
    assert len(ordered.tokens) == len(beginnings)


def test_one_text():
    assert share(padded([8, END])).nodes.tolist() == [[0, 1]]
