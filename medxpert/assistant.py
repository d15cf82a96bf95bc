"""From an image or a text to similar cases and a checked report."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from medxpert.abstention.abstainer import Judgement
from medxpert.documents.document import as_json
from medxpert.documents.files import write
from medxpert.drafting import Circumstances, Drafting
from medxpert.drawing import QUERY, Tile, contact_sheet
from medxpert.evidence.rule import Rule
from medxpert.folders import MANIFEST, atomic_file, explained, sha256, write_json
from medxpert.gathering import Evidence, Found
from medxpert.images.errors import ImageError
from medxpert.indexes.gallery import DEFAULT_MATCH, Filter, Gallery, Match
from medxpert.models.inference import open_encoder
from medxpert.privacy import checked, strictest
from medxpert.provenance import code
from medxpert.querying import Query, disagreeing, image_query, text_query
from medxpert.report import NOTICE
from medxpert.reporting import Case, Report
from medxpert.run import Run
from medxpert.words import Hit, Policy

_COLUMNS = 3
_DISAGREEING = "The similar cases do not agree with the query about: {}."
_TILE_PX = 240
_SENTENCES: dict[str, list[str]] = json.loads(files("medxpert").joinpath("limitations.json").read_text("utf-8"))


@dataclass(frozen=True)
class Answer:
    """What the assistant says to one query.

    Attributes:
        query: what was asked.
        match: what of the cases was compared.
        hits: similar cases as the user wants to see them, best first; none where the assistant abstains.
        report: checked, or the reason why there is none.
        voters: the training cases behind the report, the nearest first.
        policy: the strictest of the run and the query.
    """

    query: Query
    match: Match
    hits: Sequence[Hit]
    report: Report
    voters: Sequence[Hit]
    policy: Policy

    def as_json(self) -> dict[str, Any]:
        """Return plain values: query, hits, report, provenance."""
        hits = [
            {key: value for key, value in asdict(hit).items() if key != "row"} | {"labels": dict(hit.labels)}
            for hit in self.hits
        ]
        return {
            "query": self.query.name,
            "match": self.match,
            "hits": hits,
            "report": as_json(self.report),
            "provenance": dict(self.report.provenance),
        }


class _Shown(NamedTuple):
    """Which similar cases the user wants to see."""

    top_k: int
    match: Match
    where: Filter


class Assistant:
    """Answers queries against one run.

    Args:
        run: what to search.
        drafting: has the report written.
        rule: from evidence to words.
        policy: of the images and texts that are asked about.

    Raises:
        ConfigError: there is no such policy.
        DataError: the run's model, index or calibration is damaged, or they do not belong together.
    """

    def __init__(self, run: Run, drafting: Drafting, rule: Rule | None = None, policy: str = "private") -> None:
        self._run = run
        self._drafting = drafting
        self._query_policy = checked(policy)
        self.policy = strictest([run.policy, policy])
        self.encoder = open_encoder(run.model)
        self.gallery = Gallery(run, self.encoder.fingerprint)
        self.evidence = Evidence(run, self.gallery, rule or Rule())

    def ask_image(self, path: Path, top_k: int, match: Match = DEFAULT_MATCH, where: Filter | None = None) -> Answer:
        """Find cases like an image: by their images, their texts, or the mean of both; report on it.

        Cases of the image's own patient are neither shown nor evidence, as far as path, pixels or header tell. An
        image that is none of those the model knows gets no report.

        Raises:
            ImageError: the image cannot be read.
            ConfigError: top_k, match or filter cannot be honoured.
        """
        where = where or Filter()
        query = image_query(path, self.encoder.image_side).of_patient(where.exclude_patient or "")
        vector = self.encoder.encode_images(query.pixels[None])[0]  # type: ignore[index]
        judged = self.evidence.abstainer.judge(query.pixels, vector)  # type: ignore[arg-type]
        if judged.refused:
            provenance = self._provenance() | {"abstention": {"score": judged.score, "threshold": judged.threshold}}
            report = self._drafting.abstained(judged.reason, query.technique, provenance)
            return Answer(query, match, (), report, (), self.policy)
        found = self.evidence.of_image(vector, query.traces)
        return self._answer(query, vector, found, _Shown(top_k, match, where), judged)

    @property
    def dry_run(self) -> bool:
        """Whether what would be sent is only shown."""
        return self._drafting.dry_run

    def tokens(self, paths: Sequence[Path]) -> int:
        """Estimate the tokens that one report takes, by the first image that can be read; 0 where nothing is sent."""
        for path in paths:
            try:
                query = image_query(path, self.encoder.image_side)
            except ImageError:
                continue
            vector = self.encoder.encode_images(query.pixels[None])[0]  # type: ignore[index]
            found = self.evidence.of_image(vector, query.traces)
            return self._drafting.tokens(self._case(query, found), self._circumstances(query))
        return 0

    def made_with(self) -> dict[str, Any]:
        """Return what reports follow from beside the query."""
        return {
            "run": self._run.path.name,
            "encoder": self.encoder.fingerprint,
            "policy": self.policy,
            "rule": asdict(self.evidence.rule),
            **self._hashes(),
            **self._drafting.made_with(),
        }

    def ask_text(self, text: str, top_k: int, match: Match = DEFAULT_MATCH, where: Filter | None = None) -> Answer:
        """Find cases that fit a text: by their images, their texts, or the mean of both; report what they share.

        Raises:
            ConfigError: the text is empty, or top_k, match or filter cannot be honoured.
        """
        where = where or Filter()
        query = text_query(text).of_patient(where.exclude_patient or "")
        vector = self.encoder.encode_texts([text])[0]
        found = self.evidence.of_text(vector, query.traces)
        denied = disagreeing(text, found.verdicts)
        judged = Judgement(False, _DISAGREEING.format(", ".join(denied)), None, None, True) if denied else None
        return self._answer(query, vector, found, _Shown(top_k, match, where), judged)

    def _answer(
        self, query: Query, vector: NDArray[np.float32], found: Found, shown: _Shown, judged: Judgement | None = None
    ) -> Answer:
        hits = self.gallery.search(vector, *shown, query.traces)
        case, limitations = self._case(query, found), self._limitations(query)
        if judged is not None and judged.reason:
            limitations.append(judged.reason)
            case = replace(case, doubt=judged.reason if judged.doubtful else "")
        report = self._drafting.report(case, self._circumstances(query), limitations, self._provenance())
        return Answer(query, shown.match, hits, report, found.hits, self.policy)

    def _case(self, query: Query, found: Found) -> Case:
        return Case(found.verdicts, found.hits, query.technique, query.text, pixels=query.pixels)

    def _circumstances(self, query: Query) -> Circumstances:
        return Circumstances(self._query_policy, self.gallery.policy, self._run.policy, query.content, query.burned_in)

    def _hashes(self) -> dict[str, str]:
        folders = {"index_sha256": self._run.index, "calibration_sha256": self._run.calibration}
        return {name: sha256(folder / MANIFEST) for name, folder in folders.items()}

    def _limitations(self, query: Query) -> list[str]:
        sources = ", ".join(sorted(set(self.gallery.cases.column("source")))) or "unknown"
        told = _SENTENCES["image" if query.pixels is not None else "text"]
        return [sentence.format(cases=len(self.gallery), sources=sources) for sentence in told]

    def _provenance(self) -> dict[str, Any]:
        return {
            "run": self._run.path.name,
            "encoder": self.encoder.fingerprint,
            "index": self.gallery.made_by,
            "rule": asdict(self.evidence.rule),
            **self._hashes(),
            "indexed": len(self.gallery),
            "policy": self.policy,
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            **code(),
        }

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

    def write(self, answer: Answer, folder: Path) -> list[Path]:
        """Write report.md, report.html, report.json, result.json and similar_cases.png; return their paths.

        Raises:
            ConfigError: the folder cannot be written.
        """
        with explained(folder):
            folder.mkdir(parents=True, exist_ok=True)
        cited = {name for finding in answer.report.findings for name in finding.evidence}
        thumbnails = {
            hit.study_id: (self.gallery.cases.thumbnail(hit.row), hit.text, hit.score)
            for hit in answer.voters
            if hit.study_id in cited
        }
        paths = write(folder, answer.report, answer.query.pixels, thumbnails)
        result, sheet = folder / "result.json", folder / "similar_cases.png"
        write_json(result, answer.as_json())
        with atomic_file(sheet) as sibling:
            self.sheet(answer).save(sibling)
        return [*paths, result, sheet]
