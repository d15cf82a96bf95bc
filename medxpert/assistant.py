"""From an image or a text to similar cases and a report draft."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from medxpert.drawing import QUERY, Tile, contact_sheet
from medxpert.errors import ConfigError
from medxpert.folders import atomic_file, explained, write_json
from medxpert.images.files import ImageFile, load
from medxpert.indexes.gallery import DEFAULT_MATCH, Filter, Gallery, Match
from medxpert.models.inference import open_encoder
from medxpert.privacy import strictest
from medxpert.run import Run
from medxpert.words import Hit, Report, Reporter

_COLUMNS = 3
_TILE_PX = 240


@dataclass(frozen=True)
class Answer:
    """What the assistant says to one query.

    Attributes:
        query: the text, or the image's path.
        pixels: the query image as the model saw it, uint8 [S, S]; None for a text.
        match: what of the cases was compared.
        hits: similar cases, best first.
        report: the draft made of them.
        provenance: run, encoder, and the strictest policy of the run and the query.
    """

    query: str
    pixels: NDArray[np.uint8] | None
    match: Match
    hits: Sequence[Hit]
    report: Report
    provenance: dict[str, str]

    def as_json(self) -> dict[str, Any]:
        """Return plain values: query, hits, report, provenance."""
        hits = [
            {key: value for key, value in asdict(hit).items() if key != "row"} | {"labels": dict(hit.labels)}
            for hit in self.hits
        ]
        return {
            "query": self.query,
            "match": self.match,
            "hits": hits,
            "report": asdict(self.report),
            "provenance": self.provenance,
        }


class Assistant:
    """Answers queries against the index of one run.

    Args:
        run: what to search.
        reporter: drafts the report.
        query_policy: of the images and texts that are asked about.

    Raises:
        ConfigError: there is no such policy.
        DataError: the run's model or index is damaged, or they do not belong together.
    """

    def __init__(self, run: Run, reporter: Reporter, query_policy: str = "private") -> None:
        self._run = run
        self._reporter = reporter
        self._policy = strictest([run.policy, query_policy])
        self._encoder = open_encoder(run.model)
        self.gallery = Gallery(run, self._encoder.fingerprint)

    def ask_image(self, path: Path, top_k: int, match: Match = DEFAULT_MATCH, where: Filter | None = None) -> Answer:
        """Find cases like an image: by their images, their texts, or the mean of both.

        The patient of an image that is itself among the indexed cases is left out.

        Raises:
            DataError: the image cannot be read.
            ConfigError: top_k, match or filter cannot be honoured.
        """
        pixels = load(ImageFile(path), self._encoder.image_side)
        vector = self._encoder.encode_images(pixels[None])[0]
        return self._answer(str(path), pixels, vector, top_k, match, self._without_own(path, where or Filter()))

    def _without_own(self, path: Path, where: Filter) -> Filter:
        paths, place = self.gallery.cases.column("path"), str(path.resolve())
        own = self.gallery.cases.patient_ids[paths.index(place)] if place in paths else None
        return replace(where, exclude_patient=where.exclude_patient or own)

    def ask_text(self, query: str, top_k: int, match: Match = DEFAULT_MATCH, where: Filter | None = None) -> Answer:
        """Find cases that fit a text: by their images, their texts, or the mean of both.

        Raises:
            ConfigError: the text is empty, or top_k, match or filter cannot be honoured.
        """
        if not query.strip():
            raise ConfigError("query= is empty; say what to look for, such as query='left pleural effusion'")
        vector = self._encoder.encode_texts([query])[0]
        return self._answer(query, None, vector, top_k, match, where or Filter())

    def _answer(
        self,
        query: str,
        pixels: NDArray[np.uint8] | None,
        vector: NDArray[np.float32],
        top_k: int,
        match: Match,
        where: Filter,
    ) -> Answer:
        hits = self.gallery.search(vector, top_k, match, where)
        provenance = {
            "run": self._run.path.name,
            "encoder": self._encoder.fingerprint,
            "policy": self._policy,
        }
        return Answer(query, pixels, match, hits, self._reporter(hits), provenance)

    def sheet(self, answer: Answer) -> PIL.Image.Image:
        """Draw the query and the cases found, their texts below them."""
        asked = Tile(
            answer.pixels, "Query", Path(answer.query).name if answer.pixels is not None else answer.query, QUERY
        )
        found = [
            Tile(
                self.gallery.cases.thumbnail(hit.row), f"{hit.rank}. {hit.study_id}", hit.text, badge=f"{hit.score:.2f}"
            )
            for hit in answer.hits
        ]
        notice = f"{answer.report.notice} Policy: {answer.provenance['policy']}."
        return contact_sheet([asked, *found], _COLUMNS, _TILE_PX, "Similar cases", notice)

    def write(self, answer: Answer, folder: Path) -> list[Path]:
        """Write result.json and similar_cases.png; return their paths.

        Raises:
            ConfigError: the folder cannot be written.
        """
        with explained(folder):
            folder.mkdir(parents=True, exist_ok=True)
        result, sheet = folder / "result.json", folder / "similar_cases.png"
        write_json(result, answer.as_json())
        with atomic_file(sheet) as sibling:
            self.sheet(answer).save(sibling)
        return [result, sheet]
