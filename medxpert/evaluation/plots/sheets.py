"""Contact sheets: what was asked, what came back, and where it went wrong."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from medxpert.drawing import QUERY, RIGHT, Tile, contact_sheet
from medxpert.evaluation.record import right_answers
from medxpert.evaluation.result import SplitResult
from medxpert.evaluation.tables.split import heading
from medxpert.metrics.ranking import positions
from medxpert.metrics.scores import top_k
from medxpert.report import NOTICE
from medxpert.text import normalise
from medxpert.words import Policy

_QUERIES, _HITS = 6, 5
_SIDE_PX = 190


class _Sheet(NamedTuple):
    """How one sheet is laid out."""

    title: str
    direction: str
    rows: NDArray[np.int64]
    pictured: bool
    """Whether an answer shows its radiograph."""


def write_sheets(folder: Path, result: SplitResult, policy: Policy) -> None:
    """Draw the nearest answers to a few queries of each direction, and to the queries that went worst."""
    some = typical(result)
    sheets = {
        "top_image_to_text.png": _Sheet("Image → the nearest texts", "image_to_text", some, pictured=False),
        "top_text_to_image.png": _Sheet("Text → the nearest images", "text_to_image", some, pictured=True),
    }
    if result.cases.is_reports:
        title = "Worst ranks, image → text, with the radiograph that each text belongs to"
        sheets["worst_image_to_text.png"] = _Sheet(title, "image_to_text", worst(result), pictured=True)
    for name, sheet in sheets.items():
        tiles = _tiles(result, sheet)
        caption = f"{sheet.title}\n{heading(result)}; blue: the query; green: a right answer; in the corner: cosine"
        notice = f"{NOTICE} Policy: {policy}."
        contact_sheet(tiles, 1 + _HITS, _SIDE_PX, caption, notice).save(folder / name)


def typical(result: SplitResult) -> NDArray[np.int64]:
    """Choose a few evenly spaced rows of different texts, abnormal ones where labels tell."""
    rows = _worth_showing(result)
    keys = [normalise(result.cases.texts[row]) for row in rows]
    rows = rows[np.sort(np.unique(keys, return_index=True)[1])]
    return rows[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), _QUERIES)).round().astype(np.int64))]


def worst(result: SplitResult) -> NDArray[np.int64]:
    """Choose the rows whose own text, or an equal one, comes last; abnormal ones where labels tell."""
    rows = _worth_showing(result)
    return rows[np.argsort(-_places(result)[rows], kind="stable")[:_QUERIES]]


def _worth_showing(result: SplitResult) -> NDArray[np.int64]:
    return np.flatnonzero(result.cases.abnormal | ~result.cases.abnormal.any())


def _places(result: SplitResult) -> NDArray[np.float64]:
    ranked = result.ranked[result.main]
    return next(positions(one.ranks) for one in ranked if one[:2] == ("image_to_text", "same_text"))


def _tiles(result: SplitResult, sheet: _Sheet) -> list[Tile]:
    image, text = result.subject.vectors[result.main]
    queries, gallery = (image, text) if sheet.direction == "image_to_text" else (text, image)
    found = top_k(queries[sheet.rows], gallery, _HITS)
    tiles: list[Tile] = []
    for query, scores, hits in zip(sheet.rows.tolist(), found.scores.tolist(), found.rows.tolist(), strict=True):
        tiles.append(_query_tile(result, query, sheet.direction))
        tiles += _hit_tiles(result, query, hits, scores, sheet.pictured)
        # A gallery smaller than a line leaves its last places empty.
        tiles += [Tile(None)] * (_HITS - len(hits))
    return tiles


def _query_tile(result: SplitResult, query: int, direction: str) -> Tile:
    cases, asks_by_image = result.cases, direction == "image_to_text"
    badge = f"rank {_places(result)[query]:,.0f}" if asks_by_image and result.cases.is_reports else ""
    picture = cases.thumbnail(query) if asks_by_image else None
    return Tile(picture, cases.study_ids[query], cases.texts[query], frame=QUERY, badge=badge)


def _hit_tiles(
    result: SplitResult, query: int, hits: Sequence[int], scores: Sequence[float], pictured: bool
) -> list[Tile]:
    cases = result.cases
    return [
        Tile(
            cases.thumbnail(hit) if pictured else None,
            f"{rank}  {cases.study_ids[hit]}",
            cases.texts[hit],
            frame=RIGHT if right else None,
            badge=f"{score:.2f}",
        )
        for rank, (hit, score, right) in enumerate(
            zip(hits, scores, right_answers(result.cases, query, hits), strict=True), start=1
        )
    ]
