"""Which indexed cases are the query's own: same file, same pixels, same patient."""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from medxpert.cases import Cases


class Traces(NamedTuple):
    """What tells whose an image is; empty where nobody knows.

    The gallery knows path and pixels of the first image of each study: a further one is told by its patient alone.
    """

    path: str = ""
    """Absolute."""
    image_hash: str = ""
    """sha256 of the decoded pixels at the model's size."""
    patient_ids: tuple[str, ...] = ()
    others: tuple[Traces, ...] = ()
    """Of other images of the same patient."""


NOBODY = Traces()


class Owners:
    """Whose the N indexed cases are."""

    def __init__(self, cases: Cases) -> None:
        self._cases = cases

    def own(self, traces: Traces) -> NDArray[np.bool_]:
        """Mark every case [N] of a patient to whom one of the traces leads."""
        told = np.zeros(len(self._cases), bool)
        for other in traces.others:
            told |= self.own(other)
        if traces.path:
            told |= self._paths == traces.path
        if traces.image_hash:
            told |= self._hashes == traces.image_hash
        known = {*traces.patient_ids, *(self._patients[told] if told.any() else ())} - {""}
        if not known:
            return told
        return told | np.isin(self._patients, sorted(known)) | np.isin(self._unmixed, sorted(known))

    def read(self) -> None:
        """Read beforehand what tells files and pixels apart."""
        self._paths, self._hashes  # noqa: B018

    @cached_property
    def _paths(self) -> NDArray[np.object_]:
        return np.array(self._cases.column("path"), object)

    @cached_property
    def _hashes(self) -> NDArray[np.object_]:
        return np.array(self._cases.column("image_hash"), object)

    @cached_property
    def _unmixed(self) -> NDArray[np.str_]:
        """Patients without the name of their data set, which `data=mix` puts before a slash."""
        return np.array([one.rpartition("/")[2] for one in self._cases.patient_ids], str)

    @cached_property
    def _patients(self) -> NDArray[np.str_]:
        return np.array(self._cases.patient_ids, str)
