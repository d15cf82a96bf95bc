"""Writes an answer to a folder: what the exporters make of it, the reply, the result, a sheet of the cases found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import PIL.Image

from medxpert.answer import Answer
from medxpert.documents.reply import as_json
from medxpert.drawing import QUERY, Tile, contact_sheet
from medxpert.errors import DataError
from medxpert.exchange import Exported, Exporter
from medxpert.folders import atomic_file, explained, write_json
from medxpert.indexes.gallery import Gallery
from medxpert.report import NOTICE

_COLUMNS = 3
_TILE_PX = 240


class Delivered(NamedTuple):
    """What was written, and what could not be."""

    paths: list[Path]
    faults: list[str]


@dataclass(frozen=True)
class Delivery:
    """Writes answers.

    Attributes:
        gallery: that the cases found come from.
        exporters: name -> what writes one format.
    """

    gallery: Gallery
    exporters: Mapping[str, Exporter]

    def write(self, answer: Answer, folder: Path) -> Delivered:
        """Write every format, result.json, similar_cases.png, and answer.json where a question was asked.

        A format that this answer cannot be written in is left out, and the reason returned; all others are written.

        Raises:
            ConfigError: the folder cannot be written, or a package is missing.
        """
        with explained(folder):
            folder.mkdir(parents=True, exist_ok=True)
        result, sheet = folder / "result.json", folder / "similar_cases.png"
        write_json(result, answer.as_json())
        with atomic_file(sheet) as sibling:
            self.sheet(answer).save(sibling)
        paths = [result, sheet]
        if answer.reply is not None:
            write_json(folder / "answer.json", as_json(answer.reply, answer.report.provenance))
            paths.append(folder / "answer.json")
        faults = []
        for exporter in self.exporters.values():
            try:
                paths += exporter(self.exported(answer), folder)
            except DataError as error:
                faults.append(str(error))
        return Delivered(paths, faults)

    def exported(self, answer: Answer) -> Exported:
        """Return what exporters are given."""
        cited = {
            hit.study_id: (self.gallery.cases.thumbnail(hit.row), hit.text, hit.score)
            for hit in answer.voters
            if hit.study_id in answer.cited
        }
        source = None if answer.query.pixels is None else Path(answer.query.name)
        return Exported(answer.report, answer.query.pixels, source, cited, answer.policy, answer.reply)

    def sheet(self, answer: Answer) -> PIL.Image.Image:
        """Draw the query and the cases found, their texts below them."""
        query = answer.query
        name = query.name if query.pixels is None else Path(query.name).name
        found = [
            Tile(
                self.gallery.cases.thumbnail(hit.row), f"{hit.rank}. {hit.study_id}", hit.text, badge=f"{hit.score:.2f}"
            )
            for hit in answer.hits
        ]
        tiles = [Tile(query.pixels, "Query", name, QUERY), *found]
        return contact_sheet(tiles, _COLUMNS, _TILE_PX, "Similar cases", f"{NOTICE} Policy: {answer.policy}.")
