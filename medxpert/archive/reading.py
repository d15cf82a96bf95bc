"""Records as JSON values with their pictures beside them, and back."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from medxpert import reviewing
from medxpert.archive.record import Record
from medxpert.documents import document
from medxpert.documents.values import flag, items, number, one_of, plain, text, texts
from medxpert.errors import DataError
from medxpert.exchange import Asked, Exported, Reply
from medxpert.privacy import checked
from medxpert.reporting import Problem
from medxpert.words import Hit

Fetch = Callable[[str], bytes]
"""Brings the content of a checksum back."""


class Written(NamedTuple):
    """A record in the form of the database."""

    body: str
    """JSON."""
    blobs: Mapping[str, bytes]
    """Checksum -> content that the body refers to."""
    film: str | None
    """Name of the kept file that the body is of; None for a text."""

    @property
    def digest(self) -> str:
        """Tells equal records from others."""
        return hashlib.sha256(self.body.encode()).hexdigest()


def write(record: Record, source: str | None) -> Written:
    """Return the form of a record in the database.

    Args:
        record: to save.
        source: name of its kept file; None for a text.
    """
    exported, blobs = record.exported, dict[str, bytes]()

    def stored(content: bytes) -> str:
        name = hashlib.sha256(content).hexdigest()
        blobs[name] = content
        return name

    values = {
        "report": document.as_json(exported.report),
        "review": reviewing.as_json(record.review),
        "reply": None if exported.reply is None else asdict(exported.reply),
        "cited": {name: [stored(jpeg), words, score] for name, (jpeg, words, score) in exported.cited.items()},
        "pixels": None if exported.pixels is None else _pixels(exported.pixels, stored),
        "source": source,
        "policy": exported.policy,
        "name": record.name,
        "run": record.run,
        "hits": [asdict(hit) for hit in record.hits],
        "voters": [asdict(hit) for hit in record.voters],
    }
    return Written(json.dumps(plain(values), allow_nan=False), blobs, source)


def case_id(record: Record) -> str:
    """Identify what a record is about, however far its review is and whenever it was written."""
    pixels = b"" if record.exported.pixels is None else record.exported.pixels.tobytes()
    values = document.as_json(record.exported.report)
    values["provenance"].pop("time", None)
    told = json.dumps([values, record.run, record.name])
    return hashlib.sha256(told.encode() + pixels).hexdigest()[:32]


def read(body: str, fetch: Fetch, files: Path) -> Record:
    """Return the record that `write` made a body of.

    Args:
        body: as JSON.
        fetch: brings pictures back.
        files: folder of the kept images.

    Raises:
        DataError: it is not of this form.
    """
    try:
        values = json.loads(body)
        return Record(
            _exported(values, fetch, files),
            reviewing.from_json(values["review"]),
            text(values["name"]),
            text(values["run"]),
            tuple(map(_hit, items(values["hits"]))),
            tuple(map(_hit, items(values["voters"]))),
        )
    except (KeyError, TypeError, ValueError, AttributeError, zlib.error) as error:
        raise DataError(
            f"saved report: expected the form of this program, found another ({error!r}); open another version"
        ) from error


def _exported(values: Mapping[str, Any], fetch: Fetch, files: Path) -> Exported:
    cited = {
        name: (fetch(text(jpeg)), text(words), number(score)) for name, (jpeg, words, score) in values["cited"].items()
    }
    return Exported(
        document.read(values["report"]),
        None if values["pixels"] is None else _read_pixels(values["pixels"], fetch),
        None if values["source"] is None else files / Path(text(values["source"])).name,
        cited,
        checked(text(values["policy"])),
        None if values["reply"] is None else _reply(values["reply"]),
    )


def _pixels(pixels: NDArray[np.uint8], stored: Callable[[bytes], str]) -> dict[str, Any]:
    packed = zlib.compress(np.ascontiguousarray(pixels).tobytes(), 6)
    return {"shape": list(pixels.shape), "sha256": stored(packed)}


def _read_pixels(values: Mapping[str, Any], fetch: Fetch) -> NDArray[np.uint8]:
    height, width = (int(number(one)) for one in items(values["shape"]))
    return np.frombuffer(zlib.decompress(fetch(text(values["sha256"]))), np.uint8).reshape(height, width)


def _reply(values: Mapping[str, Any]) -> Reply:
    confidence = values["confidence"]
    return Reply(
        question=text(values["question"]),
        answer=text(values["answer"]),
        confidence=None if confidence is None else number(confidence),
        evidence=texts(values["evidence"]),
        answerable=flag(values["answerable"]),
        reporter=text(values["reporter"]),
        value=text(values["value"]),
        kind=one_of(values["kind"], Asked),
        problems=tuple(map(_problem, items(values["problems"]))),
        fallback_reason=text(values["fallback_reason"]),
    )


def _problem(values: Mapping[str, Any]) -> Problem:
    kind, where, said, detail = (text(values[name]) for name in ("kind", "where", "text", "detail"))
    return Problem(kind, where, said, detail, one_of(values["action"], Literal["marked", "dropped", "noted"]))


def _hit(values: Mapping[str, Any]) -> Hit:
    labels = {text(name): int(number(one)) for name, one in values["labels"].items()}
    study_id, patient_id, words = (text(values[name]) for name in ("study_id", "patient_id", "text"))
    return Hit(int(values["rank"]), number(values["score"]), study_id, patient_id, words, labels, int(values["row"]))
