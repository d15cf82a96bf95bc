"""What all indexes built on faiss share: checks, files that are mapped into memory, missing places."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medxpert.errors import ConfigError, DataError, MissingExtraError
from medxpert.folders import atomic_file
from medxpert.indexes.gpu import OnGpu
from medxpert.words import Neighbours

try:
    import faiss as _faiss
except ModuleNotFoundError:
    _faiss = None  # type: ignore[assignment]
faiss: Any = _faiss  # its stubs lack the constructors and arguments that Python has

_CELLS = "IndexIVF"
_MARK = b"MXTUNED1"
_REBUILD = "build it again: python -m medxpert.embed"


class FaissIndex:
    """N unit vectors behind one of faiss's indexes by inner product.

    Raises:
        MissingExtraError: faiss is not installed.
    """

    kinds: tuple[str, ...] = ()
    """Names of the faiss classes that its files may hold."""
    choice = ""
    """What stands behind `index=`."""

    def __init__(self) -> None:
        if faiss is None:
            raise MissingExtraError("faiss", "cpu")
        self._hold(faiss.IndexFlatIP(0))
        self._tuned: dict[str, float | str] = {}

    def build(self, vectors: NDArray[np.float32]) -> None:
        """Hold a copy of vectors [N, D].

        Raises:
            DataError: there is no vector, or one is not finite.
        """
        rows = checked(vectors, "vectors")
        if rows.size == 0:
            raise DataError(f"vectors: expected at least one [N, D], found shape {list(rows.shape)}")
        self._hold(self._built(rows))

    def _hold(self, index: Any, mapped: Path | None = None) -> None:
        """Replace faiss's index; mapped is the file that its vectors lie in, if they do."""
        self._index, self._mapped = index, mapped
        self._gpu = OnGpu(faiss, index)

    def _built(self, rows: NDArray[np.float32]) -> Any:
        return flat_of(rows)

    def add(self, vectors: NDArray[np.float32]) -> None:
        """Hold vectors [M, D] too, behind those already there.

        Raises:
            DataError: they do not fit the index, or one is not finite.
        """
        rows = checked(vectors, "vectors")
        self._fits(rows, "vectors")
        # faiss ends the process when a mapped index shall grow
        index = _read(self._mapped, 0) if self._mapped else self._index
        index.add(rows)
        self._hold(index)

    @property
    def tuned(self) -> Mapping[str, float | str]:
        """What was measured when it was built; nothing where it is exact by definition."""
        return dict(self._tuned)

    def save(self, path: Path) -> None:
        """Write to one file, replacing it.

        Raises:
            ConfigError: the file cannot be written.
        """
        with atomic_file(path) as sibling:  # the file may be the one that is mapped
            try:
                faiss.write_index(self._index, str(sibling))
            except RuntimeError as error:  # faiss's own, whatever the system said
                raise ConfigError(f"cannot write {path}; free the space or give another folder") from error
            _append(sibling, self._tuned)

    def load(self, path: Path) -> None:
        """Map what `save` wrote into memory; rows are read from disk when they are compared.

        Raises:
            DataError: the file is missing, or holds no index of this kind.
        """
        if not path.is_file():
            raise DataError(f"{path}: no such index; {_REBUILD}")
        kind = self._kind(path)
        # lists of cells are mapped by one flag, and everything else by the other, which would read the lists
        index = _read(path, faiss.IO_FLAG_MMAP if kind.startswith(_CELLS) else faiss.IO_FLAG_MMAP_IFC)
        if kind.startswith(_CELLS):
            # threads that read ahead, started for every query, cost more than the query
            faiss.downcast_InvertedLists(index.invlists).prefetch_nthread = 0
        self._hold(index, path)

    def _kind(self, path: Path) -> str:
        """Return the name of the faiss class, after the description at the file's end has been taken over."""
        self._tuned = _described(path)
        kind = str(self._tuned.get("kind") or type(_read(path, faiss.IO_FLAG_MMAP_IFC)).__name__)
        if kind not in self.kinds:
            raise DataError(f"{path}: expected index={self.choice}, found {kind}; {_REBUILD}")
        return kind

    def search(self, queries: NDArray[np.float32], top_k: int, allowed: NDArray[np.bool_] | None = None) -> Neighbours:
        """Find the top_k rows for queries [Q, D], among the rows where allowed [N] is true.

        Raises:
            ConfigError: top_k is below 1.
            DataError: queries or allowed do not fit the index, or a query is not finite.
        """
        return self._found(self._checked(queries, top_k, allowed), top_k, allowed)

    def _checked(
        self, queries: NDArray[np.float32], top_k: int, allowed: NDArray[np.bool_] | None
    ) -> NDArray[np.float32]:
        """Return the queries as faiss takes them."""
        if top_k < 1:
            raise ConfigError(f"top_k: expected at least 1, found {top_k}; change top_k")
        rows = checked(queries, "queries")
        self._fits(rows, "queries")
        if allowed is not None and (allowed.dtype != np.bool_ or allowed.shape != (self._index.ntotal,)):
            expected = f"bool [{self._index.ntotal}]"
            raise DataError(f"allowed: expected {expected}, found {allowed.dtype} {list(allowed.shape)}")
        return rows

    def _found(self, queries: NDArray[np.float32], top_k: int, allowed: NDArray[np.bool_] | None) -> Neighbours:
        return self._asked(queries, top_k, allowed, with_selector(allowed))

    def _asked(
        self,
        queries: NDArray[np.float32],
        top_k: int,
        allowed: NDArray[np.bool_] | None,
        parameters: Any,
        effort: int = 1,
    ) -> Neighbours:
        """Search on the GPU where there is one and the search suits it."""
        there = allowed is None and self._gpu.suits(len(queries), top_k, effort)
        return ask(self._gpu.index if there else self._index, queries, top_k, parameters)

    def _fits(self, rows: NDArray[np.float32], name: str) -> None:
        if rows.shape[1] != self._index.d:
            raise DataError(f"{name}: expected width {self._index.d} as in the index, found {rows.shape[1]}")


def flat_of(rows: NDArray[np.float32]) -> Any:
    """Return faiss's exact index of rows [N, D]."""
    index = faiss.IndexFlatIP(rows.shape[1])
    index.add(rows)
    return index


def ask(index: Any, queries: NDArray[np.float32], top_k: int, parameters: Any = None) -> Neighbours:
    """Search one of faiss's indexes; missing places hold -1 and -inf."""
    scores, places = index.search(queries, top_k, params=parameters)
    scores[places < 0] = -np.inf
    return Neighbours(scores, places)


def with_selector(allowed: NDArray[np.bool_] | None, kind: str = "SearchParameters", **settings: int) -> Any:
    """Return faiss's search parameters of a kind, which keep what they are given alive; None for its defaults."""
    if allowed is not None:
        # bit i of the map is row i
        bitmap = np.packbits(allowed, bitorder="little")
        return getattr(faiss, kind)(sel=faiss.IDSelectorBitmap(bitmap), **settings)
    return getattr(faiss, kind)(**settings) if settings else None


def checked(vectors: NDArray[np.float32], name: str) -> NDArray[np.float32]:
    """Return vectors [N, D] as contiguous float32.

    Raises:
        DataError: they are no matrix, or one is not finite.
    """
    if vectors.ndim != 2:
        raise DataError(f"{name}: expected a matrix [N, D], found shape {list(vectors.shape)}")
    rows = np.ascontiguousarray(vectors, dtype=np.float32)
    if not np.isfinite(rows).all():
        raise DataError(f"{name}: expected finite numbers, found NaN or infinity")
    return rows


def _read(path: Path, flags: int) -> Any:
    try:
        return faiss.read_index(str(path), flags)
    except RuntimeError as error:
        raise DataError(f"{path}: broken index; {_REBUILD}") from error


def _append(path: Path, tuned: Mapping[str, float | str]) -> None:
    """Write what was measured behind faiss's own bytes: text, its length, a mark."""
    if tuned:
        text = json.dumps(tuned).encode()
        with path.open("ab") as file:
            file.write(text + len(text).to_bytes(8, "little") + _MARK)


def _described(path: Path) -> dict[str, float | str]:
    """Read what `_append` wrote; nothing where there is nothing."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(size - 16, 0))
        length, mark = int.from_bytes(file.read(8), "little"), file.read()
        if mark != _MARK or length > size - 16:
            return {}
        file.seek(size - 16 - length)
        described: dict[str, float | str] = json.loads(file.read(length))
        return described
