"""Tables of an evaluation on a page, everything in them as text."""

from __future__ import annotations

from html import escape

import streamlit as st

from medxpert.tables.blocks import Block, Row, Shown


def show_block(block: Block) -> None:
    """Draw one table: values with their intervals, the rows that the evaluation is about in bold."""
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in ("", *block.columns))
    body = "".join(map(_row, block.rows))
    st.html(
        f'<div class="mx-table"><table><caption><b>{escape(block.title)}</b> {escape(block.note)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _row(row: Row) -> str:
    cells = "".join(map(_cell, row.cells))
    return f'<tr class="{escape(row.kind)}"><th scope="row">{escape(row.name)}</th>{cells}</tr>'


def _cell(shown: Shown) -> str:
    interval = f" <span>{escape(shown.interval)}</span>" if shown.interval else ""
    return f"<td>{escape(shown.value)}{interval}</td>"
