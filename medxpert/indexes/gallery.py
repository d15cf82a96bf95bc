"""The searchable cases of a run: indexes of images, of texts and of both, and the studies behind their rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from threading import Lock, Thread

import numpy as np
from numpy.typing import NDArray

from medxpert.errors import ConfigError, DataError
from medxpert.folders import MANIFEST, read_json, verified
from medxpert.indexes.adding import open_index
from medxpert.indexes.elsewhere import admit, index_class
from medxpert.indexes.filter import Filter
from medxpert.indexes.joined import ADDED, CASES, JoinedRows, cases_digests, join_cases
from medxpert.indexes.own import NOBODY, Owners, Traces
from medxpert.indexes.writing import DEFAULT_MATCH, MATCHES, Match, Thorough
from medxpert.run import Run
from medxpert.words import Hit, Index, Neighbours, Policy

TRAIN = "train"
"""The split that may serve as evidence."""
_AT_ONCE = 256


class Gallery:
    """A run's index, opened for searching."""

    def __init__(self, run: Run, encoder: str, as_trained: bool = False) -> None:
        """Open the index of a run for queries by the encoder with this fingerprint.

        Args:
            run: whose index it is.
            encoder: fingerprint of the weights that make the queries.
            as_trained: no study that was added to the run later is evidence, so that what is measured of a run
                does not change with what is added to it.

        Raises:
            DataError: the index is damaged, or another encoder made it.
        """
        self._folder = run.index
        self._rebuild = f"python -m medxpert.embed run={run.path}"
        self._manifest = verified(run.index, self._rebuild)
        self._opened: dict[Match, Index] = {}
        self._opening = Lock()
        self._ahead: Thread | None = None
        self.encoder = encoder
        if self._manifest["encoder"] != encoder:
            raise DataError(
                f"{run.index} was built by encoder {self._manifest['encoder'][:12]}, the run's model is "
                f"{encoder[:12]}; rebuild it: {self._rebuild}"
            )
        added = (run.path / ADDED / name for name in self._manifest.get("added", []))
        self._folders = [run.path / "embeddings" / self._manifest["split"], *added]
        for embedded in self._folders:
            verified(embedded, self._rebuild, only=CASES)
        noted = self._manifest.get("cases")  # by no index of an earlier version: its number of rows has to do
        if noted is not None and noted != cases_digests(self._folders):
            raise DataError(
                f"{run.index} was built for other studies than those in {run.path}/embeddings and {ADDED}; "
                f"rebuild it: {self._rebuild}"
            )
        self.cases = join_cases(self._folders)
        self._as_trained = as_trained
        self._owners = Owners(self.cases)
        if len(self.cases) != self._manifest["count"]:
            raise DataError(
                f"{run.index} holds {self._manifest['count']} rows for {len(self.cases)} cases; "
                f"rebuild it: {self._rebuild}"
            )

    def __len__(self) -> int:
        return len(self.cases)

    def open_ahead(self) -> None:
        """Begin to open what `evidence` takes, on another core, where that was not done yet."""
        if self._ahead is None:
            self._ahead = Thread(target=self._prepare)
            self._ahead.start()

    def _prepare(self) -> None:
        with suppress(Exception):  # who asks for evidence meets it again, and is told
            self._open("both")
            self._owners.read()
            self._trained, self.sources  # noqa: B018

    def _open(self, match: Match) -> Index:
        """Open one index the first time it is searched."""
        with self._opening:
            return self._open_once(match)

    def _open_once(self, match: Match) -> Index:
        if match not in self._opened:
            file = f"{match}.index"
            if file not in self._manifest["files"]:
                raise DataError(f"{self._folder} holds no {file}; rebuild it: {self._rebuild}")
            self._check_current()
            opened = open_index(self._manifest, self._folder / file)
            self._check_current()  # it may have been replaced in between
            self._opened[match] = opened
        return self._opened[match]

    def _check_current(self) -> None:
        """Refuse what was written after this gallery was opened: its rows would be taken for those of other cases."""
        if read_json(self._folder / MANIFEST) != self._manifest:
            raise DataError(
                f"{self._folder} was replaced while it was open; open the run again: give the command again, or "
                "reload the page"
            )

    @cached_property
    def vectors(self) -> JoinedRows:
        """What the encoder makes of the cases' images and texts, [N, D] each; row i is that of case i."""
        self._check_current()
        for embedded in self._folders:
            verified(embedded, self._rebuild)
        return JoinedRows(self._folders)

    def permit(self, policy: str) -> None:
        """Refuse queries under a policy that may not go where the indexes are.

        Raises:
            RemoteError: they are on another machine, and the policy is not open.
        """
        if hasattr(index_class(self._manifest), "destination"):
            admit(self._open(DEFAULT_MATCH), policy, "query")

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

    @cached_property
    def sources(self) -> list[str]:
        """Data sets of the cases."""
        return sorted(set(self.cases.column("source")))

    def findable(self, where: Filter, query_of: Traces = NOBODY) -> NDArray[np.bool_]:
        """Return the mask [N] of the cases that pass a filter (else ConfigError), none of the query's own patient."""
        allowed, foreign = where.allowed(self.cases), ~self._owners.own(query_of)
        return foreign if allowed is None else allowed & foreign

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
        found = self._found(query[None], top_k, match, self.findable(where, query_of))
        return self._hits(found.rows[0], found.scores[0])

    def evidence(self, query: NDArray[np.float32], top_k: int, query_of: Traces) -> list[Hit]:
        """Find the training cases nearest to one unit vector [D] by image and text, as `calibration` has it.

        All are compared, whatever recall an approximate index was tuned to: calibration was fitted on true neighbours.
        An approximate index in Milvus alone keeps to its recall.
        Cases of validation and test are never evidence, whatever the index holds.

        Args:
            query: [D].
            top_k: how many; fewer where the index has no more.
            query_of: whose the query is; cases of this patient are no evidence.
        """
        return next(self.evidence_of_each(query[None], top_k, [query_of]))

    def evidence_of_each(
        self, queries: NDArray[np.float32], top_k: int, queries_of: Sequence[Traces]
    ) -> Iterator[list[Hit]]:
        """Find the `evidence` for each of many unit vectors [Q, D], of which as many are compared at once as pays."""
        for start in range(0, len(queries), _AT_ONCE):
            whose = queries_of[start : start + _AT_ONCE]
            own = [np.flatnonzero(self._trained & self._owners.own(one)) for one in whose]
            # as many more as the largest patient could take from what is asked for
            wanted = min(top_k + max(map(len, own)), len(self))
            found = self._found(queries[start : start + _AT_ONCE], wanted, "both", self._trained, True)
            for scores, rows, mine in zip(found.scores, found.rows, own, strict=True):
                foreign = ~np.isin(rows, mine)
                yield self._hits(rows[foreign][:top_k], scores[foreign][:top_k])

    @cached_property
    def _trained(self) -> NDArray[np.bool_]:
        trained = np.array(self.cases.column("split")) == TRAIN
        if self._as_trained and self._manifest.get("added"):
            trained[len(join_cases(self._folders[:1])) :] = False
        return trained

    def _found(
        self, queries: NDArray[np.float32], top_k: int, match: Match, allowed: NDArray[np.bool_], thorough: bool = False
    ) -> Neighbours:
        index = self._open(match)
        search = index.search_all if thorough and isinstance(index, Thorough) else index.search
        return search(queries, top_k, None if allowed.all() else allowed)

    def _hits(self, rows: NDArray[np.int64], scores: NDArray[np.float32]) -> list[Hit]:
        held = rows >= 0
        found = rows[held].tolist()
        told = zip(found, scores[held].tolist(), self.cases.told(found), strict=True)
        return [Hit(rank, score, *case, row) for rank, (row, score, case) in enumerate(told, start=1)]
