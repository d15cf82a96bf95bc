"""Gathers the evidence for one query from a run: similar training cases, calibrated scores, verdicts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from medxpert.abstention import stored as stored_abstention
from medxpert.abstention.abstainer import Abstainer
from medxpert.errors import DataError
from medxpert.evidence import stored
from medxpert.evidence.calibrated import CAPTION, CASES, Calibration, Floats
from medxpert.evidence.rule import Rule, verdicts
from medxpert.evidence.votes import NEIGHBOURS, caption_odds, vote_of
from medxpert.folders import verified
from medxpert.indexes.gallery import Gallery
from medxpert.indexes.own import Traces
from medxpert.reporting import Verdict
from medxpert.run import Run
from medxpert.words import Hit


class Found(NamedTuple):
    """What the evidence for one query comes to."""

    verdicts: tuple[Verdict, ...]
    """One per observation."""
    hits: Sequence[Hit]
    """The training cases that voted, the nearest first."""


class Caption(NamedTuple):
    """What a captioner says of an image, and how far it is trusted."""

    text: str = ""
    trust: Mapping[int, float] = MappingProxyType({})
    """As `Captioner.trust`."""


NO_CAPTION = Caption()


class Evidence:
    """The evidence that a run offers.

    Args:
        run: calibrated.
        gallery: its index.
        rule: from probabilities to words.

    Raises:
        DataError: the run was never calibrated, or its calibration is damaged or belongs to another encoder.
    """

    def __init__(self, run: Run, gallery: Gallery, rule: Rule) -> None:
        self._run = run
        self._gallery = gallery
        self.rule = rule
        self._cure = f"python -m medxpert.embed run={run.path}"
        manifest = verified(run.calibration, self._cure)
        if manifest["encoder"] != gallery.encoder:
            raise DataError(f"{run.calibration} was fitted for another encoder; make it again: {self._cure}")

    @cached_property
    def calibration(self) -> Calibration:
        """What makes probabilities of scores."""
        return stored.read(self._run.calibration, self._cure)

    @cached_property
    def abstainer(self) -> Abstainer:
        """What tells images that the model knows nothing of."""
        return stored_abstention.read(self._run.calibration, self._cure)

    def open_ahead(self) -> None:
        """Begin to open the gallery, while something else is computed."""
        self._gallery.open_ahead()

    def of_image(self, vector: NDArray[np.float32], traces: Traces, caption: Caption = NO_CAPTION) -> Found:
        """Weigh the evidence for an image at unit row [D]; cases of its own patient are none."""
        return self._told(vector, self._gallery.evidence(vector, NEIGHBOURS, traces), caption)

    def of_images(self, vectors: NDArray[np.floating], traces: Sequence[Traces]) -> Iterator[Found]:
        """Weigh the evidence for images at unit rows [N, D]."""
        rows = np.asarray(vectors, np.float32)
        for vector, hits in zip(rows, self._gallery.evidence_of_each(rows, NEIGHBOURS, traces), strict=True):
            yield self._told(vector, hits, NO_CAPTION)

    def of_text(self, vector: NDArray[np.float32], traces: Traces) -> Found:
        """Weigh what the cases that fit a text at unit row [D] have in common; no side or severity is told."""
        hits = self._gallery.evidence(vector, NEIGHBOURS, traces)
        return self._weighed(self.calibration.log_odds({CASES: vote_of(hits)}), hits, None)

    def _told(self, vector: NDArray[np.float32], hits: Sequence[Hit], caption: Caption) -> Found:
        raw = self.calibration.raw(vector[None]) | {CASES: vote_of(hits)}
        told = {CAPTION: caption_odds(*caption)} if caption.text else {}
        return self._weighed(self.calibration.log_odds(raw) | told, hits, vector)

    def _weighed(
        self, log_odds: Mapping[str, Floats], hits: Sequence[Hit], vector: NDArray[np.float32] | None
    ) -> Found:
        return Found(verdicts(self.calibration, self.rule, log_odds, hits, vector), hits)
