"""Finds cases for an image, a text or both at once, with the numbers that the assistant gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from medxpert.abstention.abstainer import Judgement
from medxpert.errors import ConfigError
from medxpert.gathering import Evidence
from medxpert.indexes.filter import Filter
from medxpert.indexes.gallery import Gallery
from medxpert.indexes.own import Traces
from medxpert.indexes.writing import DEFAULT_MATCH, Match
from medxpert.privacy import strictest
from medxpert.querying import Query, as_sentence, disagreeing, image_query, text_query
from medxpert.searching.describe import describe
from medxpert.words import Encoder, Hit, Policy

_EVERY = Filter()


@dataclass(frozen=True)
class Searched:
    """What a search came to.

    Attributes:
        name: what was asked: the text, or the image's path, or both.
        text: that was asked for; "" for an image alone.
        vector: unit row [D] that the cases were compared with.
        weight: share of the image in it, 0..1.
        hits: best first; none for an image alone that is none that the model knows.
        match: what of the cases was compared.
        policy: the strictest of the index and the query.
        studies: study id of a hit -> how many studies that may be found bear its text; {} unless asked for.
        judged: whether the model knows images of this kind, and why one is left out that a text stands beside; None
            where no image has a share in the search, or without evidence.
        denied: observations of which the text says the contrary of what the cases come to.
        present: observations that the evidence calls present or uncertain in the image.
    """

    name: str
    text: str
    vector: NDArray[np.float32]
    weight: float
    hits: Sequence[Hit]
    match: Match
    policy: Policy
    studies: Mapping[str, int] = field(default_factory=dict)
    judged: Judgement | None = None
    denied: Sequence[str] = ()
    present: Sequence[str] = ()


class _Asked(NamedTuple):
    """A query made of an image, a text, or both."""

    image: Query | None
    text: Query | None
    vector: NDArray[np.float32]
    weight: float
    seen: NDArray[np.float32] | None = None
    """Unit row [D] of the image; None where it has no share in the vector."""

    @property
    def traces(self) -> Traces:
        parts = [one.traces for one in (self.image, self.text) if one is not None]
        return parts[0] if len(parts) == 1 else Traces(others=tuple(parts))

    @property
    def name(self) -> str:
        return " + ".join(one.name for one in (self.image, self.text) if one is not None)


@dataclass(frozen=True)
class Searching:
    """Searches one run.

    Attributes:
        encoder: of the run.
        gallery: its index.
        evidence: judges images and weighs what the cases say of the text; None to do neither.
        policy: of the images and texts that are asked about.
    """

    encoder: Encoder
    gallery: Gallery
    evidence: Evidence | None = None
    policy: str = "private"

    def find(
        self,
        image: Path | None,
        text: str,
        weight: float = 0.5,
        top_k: int = 5,
        match: Match = DEFAULT_MATCH,
        where: Filter = _EVERY,
        distinct: bool = False,
    ) -> Searched:
        """Find the cases nearest to an image, a text, or the unit vector between the two.

        Cases of the query's own patient are never found. For an image or a text alone hits and scores are those of
        `Assistant.ask_image` and `Assistant.ask_text`. An image that the model does not know is left out: the text
        beside it is searched for alone.

        Args:
            image: path; None for a text alone.
            text: "" for an image alone.
            weight: share of the image where there are both: 1 the image alone, 0 the text alone.
            top_k: how many.
            match: what of the cases is compared.
            where: what the user wants to see.
            distinct: of cases whose texts read the same only the nearest, and how many studies bear each text.

        Raises:
            ImageError: the image cannot be read.
            ConfigError: nothing is asked for, or weight, top_k, match or filter cannot be honoured.
            RemoteError: the index is on another machine, and the query may not leave this one.
        """
        self.gallery.permit(self.policy)
        asked = self._asked(image, text, weight, where.exclude_patient or "")
        judged = self._judged(asked)
        refused = judged is not None and judged.refused
        if refused and text.strip():
            asked = self._without_image(asked, text)
        hits, studies = list[Hit](), dict[str, int]()
        if not refused or asked.text is not None:
            search = self._distinct if distinct else self._plain
            hits, studies = search(asked, top_k, match, where)
        return Searched(
            asked.name,
            asked.text.text if asked.text else "",
            asked.vector,
            asked.weight,
            hits,
            match,
            strictest([self.gallery.policy, self.policy]),
            studies,
            judged,
            self._denied(asked) if hits else (),
            self._present(asked) if hits else (),
        )

    def _asked(self, image: Path | None, text: str, weight: float, patient_id: str) -> _Asked:
        if not 0 <= weight <= 1:
            raise ConfigError(f"weight={weight}: expected the image's share, 0 to 1")
        if image is None:
            query = text_query(text).of_patient(patient_id)
            return _Asked(None, query, self._of_text(text), 0.0)
        query = image_query(image, self.encoder.image_side).of_patient(patient_id)
        if weight == 0 and text.strip():
            return _Asked(query, text_query(text), self._of_text(text), 0.0)
        vector = self.encoder.encode_images(query.pixels[None])[0]  # type: ignore[index]
        if not text.strip():
            return _Asked(query, None, vector, 1.0, vector)
        return _Asked(query, text_query(text), between(vector, self._of_text(text), weight), weight, vector)

    def _without_image(self, asked: _Asked, text: str) -> _Asked:
        """Ask for the text alone; whose the image is still counts."""
        return asked._replace(vector=self._of_text(text), weight=0.0, seen=None)

    def _of_text(self, text: str) -> NDArray[np.float32]:
        return self.encoder.encode_texts([as_sentence(text)])[0]

    def _judged(self, asked: _Asked) -> Judgement | None:
        if self.evidence is None or asked.image is None or asked.seen is None:
            return None
        return self.evidence.abstainer.judge(asked.image.pixels, asked.seen)  # type: ignore[arg-type]

    def _denied(self, asked: _Asked) -> list[str]:
        if self.evidence is None or asked.text is None:
            return []
        return disagreeing(asked.text.text, self.evidence.of_text(asked.vector, asked.traces).verdicts)

    def _present(self, asked: _Asked) -> list[str]:
        if self.evidence is None or asked.image is None or asked.seen is None:
            return []
        verdicts = self.evidence.of_image(asked.seen, asked.image.traces).verdicts
        return [one.observation for one in verdicts if one.status in ("present", "uncertain")]

    def _plain(self, asked: _Asked, top_k: int, match: Match, where: Filter) -> tuple[list[Hit], dict[str, int]]:
        return self.gallery.search(asked.vector, top_k, match, where, asked.traces), {}

    def _distinct(self, asked: _Asked, top_k: int, match: Match, where: Filter) -> tuple[list[Hit], dict[str, int]]:
        """Look further down until there are enough texts, then count the studies that bear each."""
        numbers, first = describe(self.gallery.cases).texts, dict[int, Hit]()
        wanted = top_k
        while True:
            hits = self.gallery.search(asked.vector, wanted, match, where, asked.traces)
            for hit in hits:
                first.setdefault(int(numbers[hit.row]), hit)
            if len(first) >= top_k or len(hits) < wanted or wanted == len(self.gallery):
                break
            wanted = min(4 * wanted, len(self.gallery))
        borne = np.bincount(numbers[self.gallery.findable(where, asked.traces)])
        kept = list(first.items())[:top_k]
        ranked = [replace(hit, rank=rank) for rank, (_, hit) in enumerate(kept, start=1)]
        return ranked, {hit.study_id: int(borne[number]) for number, hit in kept}


def between(image: NDArray[np.float32], text: NDArray[np.float32], weight: float) -> NDArray[np.float32]:
    """Return the unit row [D] between two unit rows [D]; `weight` is the share of the image.

    Raises:
        ConfigError: the rows are opposite and the weights equal, so that nothing lies between them.
    """
    if weight in (0, 1):
        return image if weight else text
    mean = np.float32(weight) * image + np.float32(1 - weight) * text
    length = float(np.linalg.norm(mean))
    if length == 0:
        raise ConfigError(f"weight={weight}: image and text are opposites and nothing lies between them; change it")
    return np.asarray(mean / length, np.float32)
