"""Looks at one image: encodes it, tells whether the model knows its kind, has it captioned, gathers its evidence."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medxpert.abstention.abstainer import Judgement
from medxpert.exchange import Captioner
from medxpert.gathering import NO_CAPTION, Caption, Evidence, Found
from medxpert.images.files import ImageFile, load
from medxpert.querying import Query, image_query
from medxpert.words import Encoder


@dataclass(frozen=True)
class Look:
    """What was seen of one image.

    Attributes:
        query: the image.
        vector: its unit row [D].
        judged: whether it is of a kind that the model knows.
        caption: by the captioner.
    """

    query: Query
    vector: NDArray[np.float32]
    judged: Judgement
    caption: Caption = NO_CAPTION

    def beside(self, other: Look) -> Look:
        """Return the look at an image of the patient whom another image shows, too."""
        return replace(self, query=self.query.beside(other.query))


@dataclass(frozen=True)
class Looking:
    """Looks at images with one run's encoder and evidence.

    Attributes:
        encoder: of the run.
        evidence: that it offers.
        captioner: writes captions; None for none.
    """

    encoder: Encoder
    evidence: Evidence
    captioner: Captioner | None = None

    def at(self, path: Path, patient_id: str = "") -> Look:
        """Look at an image.

        Args:
            path: of the image.
            patient_id: of its patient, where the user names one.

        Raises:
            ImageError: it cannot be read.
        """
        self.evidence.open_ahead()
        query = image_query(path, self.encoder.image_side).of_patient(patient_id)
        vector = self.encoder.encode_images(query.pixels[None])[0]  # type: ignore[index]
        judged = self.evidence.abstainer.judge(query.pixels, vector)  # type: ignore[arg-type]
        return Look(query, vector, judged, NO_CAPTION if judged.refused else self._caption(path))

    def found(self, look: Look) -> Found:
        """Gather the evidence for what was looked at."""
        return self.evidence.of_image(look.vector, look.query.traces, look.caption)

    def _caption(self, path: Path) -> Caption:
        if self.captioner is None:
            return NO_CAPTION
        pixels = load(ImageFile(path), self.captioner.image_side)
        return Caption(self.captioner(pixels[None])[0], self.captioner.trust)
