"""What an answer rests on: the run, its parts by checksum, and the sentences that say what a report cannot know."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

from medxpert.evidence.rule import Rule
from medxpert.exchange import Captioner
from medxpert.folders import MANIFEST, sha256
from medxpert.indexes.gallery import Gallery
from medxpert.provenance import code
from medxpert.run import Run
from medxpert.words import Encoder, Policy

_SENTENCES: Mapping[str, Sequence[str]] = json.loads(files("medxpert").joinpath("limitations.json").read_text("utf-8"))
PAIR = _SENTENCES["pair"]
"""Stands before the limitations of a report that compares two images, in place of the first of them."""


@dataclass(frozen=True)
class Origin:
    """Where answers come from.

    Attributes:
        run: that is searched.
        gallery: its index.
        rule: from evidence to words.
        encoder: what embeds the queries.
        captioner: what captions them; None for nothing.
    """

    run: Run
    gallery: Gallery
    rule: Rule
    encoder: Encoder
    captioner: Captioner | None = None

    def sources(self) -> dict[str, Any]:
        """Return what reports follow from beside the query."""
        folders = {"index_sha256": self.run.index, "calibration_sha256": self.run.calibration}
        return {
            "run": self.run.path.name,
            "encoder": self.gallery.encoder,
            "rule": asdict(self.rule),
            **{name: sha256(folder / MANIFEST) for name, folder in folders.items()},
            **({"captioner": self.captioner.model_id} if self.captioner else {}),
        }

    def provenance(self, policy: Policy) -> dict[str, Any]:
        """Return what is kept beside a report, the time included."""
        return {
            **self.sources(),
            "encoded_by": type(self.encoder).__name__,
            "index": self.gallery.made_by,
            "indexed": len(self.gallery),
            "policy": policy,
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            **code(),
        }

    def limitations(self, image: bool) -> list[str]:
        """Return what a report on an image, or on a text, cannot know."""
        sources = ", ".join(self.gallery.sources) or "unknown"
        told = _SENTENCES["image" if image else "text"]
        return [sentence.format(cases=len(self.gallery), sources=sources) for sentence in told]
