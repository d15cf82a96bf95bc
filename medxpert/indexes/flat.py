"""Exact search: every vector is compared with every query."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medxpert.errors import ConfigError, DataError, MissingExtraError
from medxpert.words import Neighbours

try:
    import faiss
except ModuleNotFoundError:
    faiss = None  # type: ignore[assignment]


class FlatIndex:
    """Inner products with all N vectors; recall is 1 by definition.

    Raises:
        MissingExtraError: faiss is not installed.
    """

    def __init__(self) -> None:
        if faiss is None:
            raise MissingExtraError("faiss", "cpu")
        self._index = faiss.IndexFlatIP(0)

    def build(self, vectors: NDArray[np.float32]) -> None:
        """Hold a copy of vectors [N, D].

        Raises:
            DataError: there is no vector, or one is not finite.
        """
        rows = _checked(vectors, "vectors")
        if rows.size == 0:
            raise DataError(f"vectors: expected at least one [N, D], found shape {list(rows.shape)}")
        self._index = faiss.IndexFlatIP(rows.shape[1])
        self._index.add(rows)

    def save(self, path: Path) -> None:
        """Write to one file, replacing it.

        Raises:
            ConfigError: the file cannot be written.
        """
        try:
            faiss.write_index(self._index, str(path))
        except RuntimeError as error:  # faiss's own, whatever the system said
            raise ConfigError(f"cannot write {path}; free the space or give another folder") from error

    def load(self, path: Path) -> None:
        """Map what `save` wrote into memory; rows are read from disk when they are compared.

        Raises:
            DataError: the file is missing or holds no flat inner-product index.
        """
        if not path.is_file():
            raise DataError(f"{path}: no such index; build it again: python -m medxpert.embed")
        try:
            index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
        except RuntimeError as error:
            raise DataError(f"{path}: broken index; build it again: python -m medxpert.embed") from error
        if not isinstance(index, faiss.IndexFlatIP):
            raise DataError(f"{path}: expected a flat index, found {type(index).__name__}; change index=flat")
        self._index = index

    def search(self, queries: NDArray[np.float32], top_k: int, allowed: NDArray[np.bool_] | None = None) -> Neighbours:
        """Find the top_k rows for queries [Q, D], among the rows where allowed [N] is true.

        Raises:
            ConfigError: top_k is below 1.
            DataError: queries or allowed do not fit the index, or a query is not finite.
        """
        if top_k < 1:
            raise ConfigError(f"top_k: expected at least 1, found {top_k}; change top_k")
        rows = _checked(queries, "queries")
        if rows.shape[1] != self._index.d:
            raise DataError(f"queries: expected width {self._index.d} as in the index, found {rows.shape[1]}")
        parameters = None if allowed is None else self._only(allowed)
        scores, places = self._index.search(rows, top_k, params=parameters)
        scores[places < 0] = -np.inf
        return Neighbours(scores, places)

    def _only(self, allowed: NDArray[np.bool_]) -> faiss.SearchParameters:
        if allowed.dtype != np.bool_ or allowed.shape != (self._index.ntotal,):
            expected = f"bool [{self._index.ntotal}]"
            raise DataError(f"allowed: expected {expected}, found {allowed.dtype} {list(allowed.shape)}")
        bitmap = np.packbits(allowed, bitorder="little")
        # faiss's stubs lack the Python constructors, which keep what they are given alive.
        return faiss.SearchParameters(sel=faiss.IDSelectorBitmap(bitmap))  # type: ignore[call-arg, arg-type]


def _checked(vectors: NDArray[np.float32], name: str) -> NDArray[np.float32]:
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
