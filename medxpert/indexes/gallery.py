"""The searchable cases of a run: indexes of images, of texts and of both, and the studies behind their rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from medxpert.cases import Cases
from medxpert.errors import ConfigError, DataError
from medxpert.folders import atomic_folder, seal, verified
from medxpert.indexes.own import NOBODY, Owners, Traces
from medxpert.ontology import OBSERVATIONS, POSITIVE
from medxpert.run import Run
from medxpert.words import Hit, Index, Policy

Match = Literal["image", "text", "both"]
MATCHES: tuple[Match, ...] = ("image", "text", "both")
DEFAULT_MATCH: Match = "both"
TRAIN = "train"
"""The split that may serve as evidence."""
_ROUNDING = 2e-3
"""How far from 1 the length of a unit row may be that was rounded to half precision."""


@dataclass(frozen=True)
class Filter:
    """Which cases may be found; None lets all pass.

    Attributes:
        view: projection, as the study's image says.
        label: an observation that must be positive.
        split: train, val or test.
        policy: open, credentialed or private.
        source: the data set.
        exclude_patient: a patient whose studies are left out: the query's own.
    """

    view: str | None = None
    label: str | None = None
    split: str | None = None
    policy: str | None = None
    source: str | None = None
    exclude_patient: str | None = None

    def allowed(self, cases: Cases) -> NDArray[np.bool_] | None:
        """Return the mask [N] of the cases that pass; None when all do.

        Raises:
            ConfigError: the label is none of the 14, or no case passes.
        """
        masks = [self._equal(cases, name) for name in ("view", "split", "policy", "source") if getattr(self, name)]
        if self.label:
            masks.append(cases.labels[:, _observation(self.label)] == POSITIVE)
        if self.exclude_patient:
            masks.append(np.array(cases.patient_ids) != self.exclude_patient)
        if not masks:
            return None
        allowed: NDArray[np.bool_] = np.logical_and.reduce(masks)
        if not allowed.any():
            asked = ", ".join(f"filter.{name}={value}" for name, value in asdict(self).items() if value)
            raise ConfigError(f"no indexed case passes {asked}; the index holds {self._present(cases)}")
        return allowed

    def _present(self, cases: Cases) -> str:
        columns = ("view", "split", "policy", "source")
        return "; ".join(f"{name} {', '.join(sorted(set(cases.column(name))))}" for name in columns)

    def _equal(self, cases: Cases, name: str) -> NDArray[np.bool_]:
        return np.array(cases.column(name)) == getattr(self, name)


def _observation(name: str) -> int:
    if name not in OBSERVATIONS:
        raise ConfigError(f"filter.label={name}: expected one of {', '.join(OBSERVATIONS)}")
    return OBSERVATIONS.index(name)


class Sides(Protocol):
    """Float rows [N, D] of the images and of the texts of N studies."""

    @property
    def image(self) -> NDArray[np.floating]:
        """Unit rows of the images."""
        ...

    @property
    def text(self) -> NDArray[np.floating]:
        """Unit rows of the texts."""
        ...


def side_rows(sides: Sides, match: Match) -> NDArray[np.floating]:
    """Return what a query is compared with, [N, D]: the image rows, the text rows, or the unit rows between the two."""
    if match == "both":
        # Opposite rows have nothing between them: they stay zero.
        return _unit(_unit(sides.image) + _unit(sides.text))
    return sides.image if match == "image" else sides.text


def _unit(rows: NDArray[np.floating]) -> NDArray[np.floating]:
    """Scale rows to length 1; those that are, up to the rounding of half precision, and rows of zeros stay."""
    rows = np.asarray(rows, np.float32)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where((lengths == 0) | (np.abs(lengths - 1) < _ROUNDING), 1, lengths)


def write_index(folder: Path, make: Callable[[], Index], sides: Sides, fields: Mapping[str, str]) -> None:
    """Index one split for every match; row i of each index is row i of the split's embeddings.

    Args:
        folder: replaced as a whole.
        make: makes an empty index.
        sides: what to index.
        fields: for the manifest: encoder, policy and split.
    """
    with atomic_folder(folder) as sibling:
        for match in MATCHES:
            index = make()
            index.build(np.asarray(side_rows(sides, match), dtype=np.float32))
            index.save(sibling / f"{match}.index")
        made_by = f"{type(index).__module__}.{type(index).__qualname__}"
        seal(sibling, {"index": made_by, "count": len(sides.image), "dim": sides.image.shape[1], **fields})


class Gallery:
    """A run's index, opened for searching."""

    def __init__(self, run: Run, encoder: str) -> None:
        """Open the index of a run for queries by the encoder with this fingerprint.

        Raises:
            DataError: the index is damaged, or another encoder made it.
        """
        self._folder = run.index
        self._rebuild = f"python -m medxpert.embed run={run.path}"
        self._manifest = verified(run.index, self._rebuild)
        self._opened: dict[Match, Index] = {}
        self.encoder = encoder
        if self._manifest["encoder"] != encoder:
            raise DataError(
                f"{run.index} was built by encoder {self._manifest['encoder'][:12]}, the run's model is "
                f"{encoder[:12]}; rebuild it: {self._rebuild}"
            )
        embedded = run.path / "embeddings" / self._manifest["split"]
        verified(embedded, self._rebuild, only="cases.parquet")
        self.cases = Cases(embedded / "cases.parquet")
        self._owners = Owners(self.cases)
        if len(self.cases) != self._manifest["count"]:
            raise DataError(
                f"{run.index} holds {self._manifest['count']} rows for {len(self.cases)} cases; "
                f"rebuild it: {self._rebuild}"
            )

    def __len__(self) -> int:
        return len(self.cases)

    def _open(self, match: Match) -> Index:
        """Open one index the first time it is searched."""
        if match not in self._opened:
            file = f"{match}.index"
            if file not in self._manifest["files"]:
                raise DataError(f"{self._folder} holds no {file}; rebuild it: {self._rebuild}")
            module, name = self._manifest["index"].rsplit(".", 1)
            index: Index = getattr(import_module(module), name)()
            index.load(self._folder / file)
            self._opened[match] = index
        return self._opened[match]

    @property
    def made_by(self) -> str:
        """The class of the indexes."""
        made_by: str = self._manifest["index"]
        return made_by

    @property
    def policy(self) -> Policy:
        """The strictest policy of what is indexed."""
        policy: Policy = self._manifest["policy"]
        return policy

    def search(
        self, query: NDArray[np.float32], top_k: int, match: Match, where: Filter, query_of: Traces = NOBODY
    ) -> list[Hit]:
        """Find the cases whose images, texts or both are nearest to one unit vector [D].

        Args:
            query: [D].
            top_k: how many.
            match: what of the cases is compared.
            where: what the user wants to see.
            query_of: whose the query is; cases of this patient are never found.

        Raises:
            ConfigError: top_k or match cannot be honoured.
            DataError: the index was built before there was one for this match.
        """
        if match not in MATCHES:
            raise ConfigError(f"match={match}: expected image, text or both")
        if not 1 <= top_k <= len(self):
            raise ConfigError(f"top_k={top_k} lies outside 1..{len(self)}, the number of indexed cases")
        allowed, foreign = where.allowed(self.cases), ~self._owners.own(query_of)
        return self._nearest(query, top_k, match, foreign if allowed is None else allowed & foreign)

    def evidence(self, query: NDArray[np.float32], top_k: int, query_of: Traces) -> list[Hit]:
        """Find the training cases nearest to one unit vector [D] by image and text, as `calibration` has it.

        Cases of validation and test are never evidence, whatever the index holds.

        Args:
            query: [D].
            top_k: how many; fewer where the index has no more.
            query_of: whose the query is; cases of this patient are no evidence.
        """
        return self._nearest(query, min(top_k, len(self)), "both", self._trained & ~self._owners.own(query_of))

    @cached_property
    def _trained(self) -> NDArray[np.bool_]:
        return np.array(self.cases.column("split")) == TRAIN

    def _nearest(self, query: NDArray[np.float32], top_k: int, match: Match, allowed: NDArray[np.bool_]) -> list[Hit]:
        found = self._open(match).search(query[None], top_k, None if allowed.all() else allowed)
        pairs = zip(found.rows[0].tolist(), found.scores[0].tolist(), strict=True)
        return self._hits([(row, score) for row, score in pairs if row >= 0])

    def _hits(self, found: Sequence[tuple[int, float]]) -> list[Hit]:
        return [
            Hit(
                rank,
                score,
                self.cases.study_ids[row],
                self.cases.patient_ids[row],
                self.cases.texts[row],
                self.cases.labels_of(row),
                row,
            )
            for rank, (row, score) in enumerate(found, start=1)
        ]
