"""The same tables on another distribution: each gets a line or a column for the shifted split, and the drop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from medxpert.metrics.independent import difference
from medxpert.tables.blocks import Block, Row, Shown, percent


def beside(blocks: Sequence[Block], shifted: Sequence[Block], main: str) -> tuple[Block, ...]:
    """Put the shifted split's figures of the main contender under those of the split itself.

    Tables are matched by their place among those of the same title; one that has no counterpart stays as it is.
    """
    left = list(shifted)
    result = []
    for block in blocks:
        other = next((one for one in left if one.title == block.title), None)
        if other is None:
            result.append(block)
            continue
        left.remove(other)
        result += list(_by_column(block, other, main) if main in block.columns else _by_row(block, other))
    return tuple(result)


def _by_row(block: Block, shifted: Block) -> Iterator[Block]:
    """Append two rows to each main row: the same on the shifted split, and the drop.

    A table without main rows is about one contender: it is followed by the same of the shifted split, with drops.
    """
    others = {row.name: row for row in shifted.rows}
    if not any(row.kind == "main" for row in block.rows):
        yield block
        plain = {row.name: row for row in block.rows}
        rows = [one for row in shifted.rows for one in (row, *_dropped(plain.get(row.name), row))]
        yield shifted._replace(title=f"{block.title} · shifted", rows=tuple(rows))
        return
    rows = []
    for row in block.rows:
        rows.append(row)
        if row.kind == "main" and row.name in others:
            other = others[row.name]
            rows += [Row(f"{row.name}, shifted", other.cells), *_dropped(row, other)]
    yield block._replace(note=_notes(block, shifted), rows=tuple(rows))


def _dropped(plain: Row | None, shifted: Row) -> list[Row]:
    """Return the row of drops, if any cell has one."""
    if plain is None:
        return []
    drops = tuple(_drop(*cells) for cells in zip(plain.cells, shifted.cells, strict=True))
    return [Row("drop", drops, "gain")] if any(drop.value for drop in drops) else []


def _by_column(block: Block, shifted: Block, main: str) -> Iterator[Block]:
    """Keep the table and add one: the main contender's column, the same on the shifted split, and the drop."""
    yield block
    others = {row.name: row.cells[shifted.columns.index(main)] for row in shifted.rows}
    place = block.columns.index(main)
    rows = tuple(
        Row(row.name, (row.cells[place], others[row.name], _drop(row.cells[place], others[row.name])), row.kind)
        for row in block.rows
        if row.cells[place].cell and row.name in others and others[row.name].cell
    )
    if rows:
        yield Block(f"{block.title} · shifted", _notes(block, shifted), (main, "shifted", "drop"), rows, block.detail)


def _notes(block: Block, shifted: Block) -> str:
    """Join two notes, what both say after a colon once."""
    if block.note == shifted.note:
        return block.note
    count, _, rest = shifted.note.partition(": ")
    return f"{block.note}; shifted: {count if block.note.endswith(f': {rest}') else shifted.note}"


def _drop(plain: Shown, shifted: Shown) -> Shown:
    """Show the difference as its terms are shown: in percent with its interval, else with as many decimals."""
    if plain.cell is None or shifted.cell is None:
        return Shown("")
    drop = difference(plain.cell, shifted.cell)
    if plain.value == percent(plain.cell).value:
        return percent(drop)
    decimals = len(plain.value.partition(".")[2])
    return Shown(f"{drop['value']:.{decimals}f}", cell=drop)
