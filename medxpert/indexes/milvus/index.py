"""Search in Milvus, for galleries beyond one machine: `cases.db` opens in this process, a URL names a server.

What a run keeps is a small JSON file that names the collection; the vectors live in the database. Every build makes a
collection of its own, so runs that share a server never meet.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, get_args

import numpy as np
from numpy.typing import NDArray

from medxpert.errors import ConfigError, DataError, MedXpertError
from medxpert.folders import explained, write_json
from medxpert.indexes.faiss_index import checked
from medxpert.indexes.milvus.collection import MOST_NEIGHBOURS, Collection, Graded, Kind
from medxpert.indexes.milvus.record import Held, belongs, digest, read, run_of, samples_of
from medxpert.indexes.milvus.search import allowed_only, padded, tune
from medxpert.indexes.milvus.server import place_of, require
from medxpert.privacy import Destination
from medxpert.words import Neighbours

if TYPE_CHECKING:
    from medxpert.indexes.tuning import Questions

_FEW = 5000
"""Fewer vectors are all compared, whatever the kind."""


class MilvusIndex:
    """Inner products in a collection of Milvus, exact where `kind` is flat.

    Args:
        uri: a file that ends in .db, relative to the folder that the command runs in, for milvus-lite; or
            http(s)://HOST:PORT[/DATABASE]. None only to load what was saved.
        kind: flat, hnsw or ivf.
        recall: of the ten nearest; the share that hnsw and ivf must find, as measured when they are built.
        timeout_seconds: for one answer; building may take as many again for every 500 rows.

    Raises:
        ConfigError: an argument cannot be honoured.
        MissingExtraError: pymilvus or milvus-lite is not installed.
    """

    def __init__(
        self, uri: str | None = None, kind: Kind = "flat", recall: float = 0.99, timeout_seconds: float = 20
    ) -> None:
        if kind not in get_args(Kind):
            raise ConfigError(f"index.kind={kind}: expected one of {', '.join(get_args(Kind))}")
        if not 0 < recall <= 1:
            raise ConfigError(f"index.recall={recall}: expected above 0 and at most 1")
        if timeout_seconds <= 0:
            raise ConfigError(f"index.timeout_seconds={timeout_seconds}: expected above 0")
        self._place = None if uri is None else place_of(uri)
        self.uri = None if self._place is None else self._place.uri  # a file by its absolute path
        if self._place is not None:
            require(self._place)
        self._kind, self._recall, self._timeout_seconds = kind, recall, timeout_seconds
        self._questions: Questions | None = None
        self._held: Held | None = None
        self._collection: Collection | None = None

    @property
    def destination(self) -> Destination:
        """Where vectors and queries go: this machine, or a server beyond it."""
        return "machine" if self._place is None else self._place.destination

    def check(self) -> None:
        """Fail before a training where building would fail after it; nothing is sent.

        Raises:
            ConfigError: the file's folder is missing.
            RemoteError: nobody listens at the server's address.
        """
        if self._place is not None:
            self._place.check(self._timeout_seconds)

    def expect(
        self, queries: NDArray[np.float32], own: NDArray[np.int64], kinds: NDArray[np.int64] | None = None
    ) -> None:
        """Take what stands for the queries to come, before `build`.

        Args:
            queries: [Q, D].
            own: [Q], the row that each belongs to, which does not count as found; -1 for none.
            kinds: [Q], the number of its kind; every kind reaches the recall.
        """
        if self._kind != "flat":
            from medxpert.indexes.tuning import questions

            self._questions = questions(queries, own, kinds)

    def build(self, vectors: NDArray[np.float32]) -> None:
        """Send vectors [N, D] to a new collection; it vanishes again where that fails.

        Raises:
            ConfigError: there is no `uri`, or the file cannot be used.
            DataError: there is no vector, or one is not finite.
            RemoteError: the server is away, too slow, or refuses.
        """
        rows = checked(vectors, "vectors")
        if rows.size == 0:
            raise DataError(f"vectors: expected at least one [N, D], found shape {list(rows.shape)}")
        if self._place is None:
            raise ConfigError("index.uri is missing; give a file such as index.uri=cases.db, or a server's address")
        count, dim = rows.shape
        name = f"medxpert_{token_hex(8)}"
        kind: Kind = "flat" if count < _FEW else self._kind
        collection = Collection.at(self._place, name, self._timeout_seconds)
        try:
            collection.create(dim)
            collection.write(rows)
            collection.index(kind, count)
            how = tune(collection, kind, rows, self._recall, self._questions)
        except BaseException:
            with suppress(MedXpertError):
                collection.drop()
            raise
        self._collection = collection
        self._held = Held(
            self._place.uri,
            name,
            count,
            dim,
            timeout_seconds=self._timeout_seconds,
            samples=samples_of(rows),
            **how._asdict(),
        )

    def add(self, vectors: NDArray[np.float32]) -> None:
        """Hold vectors [M, D] too, behind those already there.

        They take the place of what an earlier attempt left there that was never saved.

        Raises:
            DataError: they do not fit the index, one is not finite, or the rows are those of the run this is a copy of.
            RemoteError: the server is away, too slow, or refuses.
        """
        held, collection = self._opened()
        if (run := collection.place.run) is not None and not belongs(held, run):
            found = f"expected a collection of its own, found that of {held.home}"
            raise DataError(f"{run}: {found}; {collection.place.cure}")
        rows = checked(vectors, "vectors")
        if rows.shape[1] != held.dim:
            raise DataError(f"vectors: expected width {held.dim} as in the index, found {rows.shape[1]}")
        if rows.size == 0:
            return
        collection.write(rows, held.count)
        samples = {**held.samples, **samples_of(rows, held.count)}
        self._held = replace(held, count=held.count + len(rows), samples=samples)

    @property
    def tuned(self) -> Mapping[str, float | str]:
        """The recall that was measured of hnsw and ivf, and the effort that it takes; nothing of flat."""
        if self._held is None or self._held.kind == "flat":
            return {}
        return {"kind": self._held.kind, "effort": self._held.effort, "recall": self._held.recall}

    def save(self, path: Path) -> None:
        """Write the name of the collection, and what it holds, to one JSON file beside which the run lies.

        Raises:
            ConfigError: the file cannot be written.
        """
        held, _ = self._opened()
        self._held = replace(held, home=str(run_of(path)))
        with explained(path):
            write_json(path, asdict(self._held))

    def load(self, path: Path) -> None:
        """Connect to the collection of a file that `save` wrote, and look whether it is still the same.

        Raises:
            DataError: the file is missing or broken, or the collection is gone or holds something else.
            ConfigError: another process has the database open.
            RemoteError: the server is away, too slow, or refuses the token.
        """
        held = read(path)
        place = place_of(held.uri, run_of(path))
        if place.is_file and not Path(place.uri).exists():
            raise DataError(f"{place.uri}: no such database, {path} names it; bring it back there, or {place.cure}")
        collection = Collection.at(place, held.collection, held.timeout_seconds)
        if not collection.open(held.count):
            raise DataError(f"{place.uri}: expected collection {held.collection}, found none; {place.cure}")
        # More are what somebody added and never saved; they are not searched.
        if (count := collection.count()) < held.count:
            raise DataError(
                f"{place.uri}: expected {held.count} rows in {held.collection}, found {count}; {place.cure}"
            )
        found = {str(row): digest(one) for row, one in collection.rows([int(row) for row in held.samples]).items()}
        if found != held.samples:
            raise DataError(f"{place.uri}: {held.collection} holds other vectors than were indexed; {place.cure}")
        self._place, self._held, self._collection = place, held, collection

    def search(self, queries: NDArray[np.float32], top_k: int, allowed: NDArray[np.bool_] | None = None) -> Neighbours:
        """Find the top_k rows for queries [Q, D], among the rows where allowed [N] is true.

        Raises:
            ConfigError: top_k is below 1, or more than Milvus returns.
            DataError: queries or allowed do not fit the index, a query is not finite, or the collection is gone.
            RemoteError: the server is away, too slow, or refuses.
        """
        if top_k < 1:
            raise ConfigError(f"top_k: expected at least 1, found {top_k}; change top_k")
        held, collection = self._opened()
        wanted = min(top_k, held.count)
        if wanted > MOST_NEIGHBOURS:
            raise ConfigError(f"top_k={top_k}: Milvus returns at most {MOST_NEIGHBOURS}; lower top_k or use index=flat")
        rows = checked(queries, "queries")
        if rows.shape[1] != held.dim:
            raise DataError(f"queries: expected width {held.dim} as in the index, found {rows.shape[1]}")
        if allowed is None:
            allowed = np.ones(held.count, bool)
        elif allowed.dtype != np.bool_ or allowed.shape != (held.count,):
            raise DataError(f"allowed: expected bool [{held.count}], found {allowed.dtype} {list(allowed.shape)}")
        return padded(allowed_only(collection, Graded(held.kind, held.effort, held.most), rows, wanted, allowed), top_k)

    def drop(self) -> None:
        """Delete the collection; a file that names it can no longer be loaded."""
        held, place = self._held, self._place
        if held is None or place is None or (place.is_file and not Path(place.uri).exists()):
            return
        collection = self._collection or Collection.at(place, held.collection, held.timeout_seconds)
        collection.drop()
        self._held = self._collection = None

    @classmethod
    def saved(cls, path: Path, home: Path) -> MilvusIndex | None:
        """Return what a file names, not connected; None where the file was written for another run: a copied one.

        Raises:
            DataError: the file is missing or broken.
        """
        held = read(path)
        if not belongs(held, home):
            return None
        index = cls(held.uri, held.kind)
        index._held = held
        return index

    def _opened(self) -> tuple[Held, Collection]:
        if self._held is None or self._collection is None:
            raise DataError("the index holds nothing yet; build or load it first")
        return self._held, self._collection
