"""Exact search: every vector is compared with every query."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medxpert.indexes import faiss_index
from medxpert.indexes.faiss_index import FaissIndex
from medxpert.indexes.scanning import Directions, directions, scan
from medxpert.words import Neighbours

_MANY = 128
"""Queries at once from which bounds help."""
_PAYS = 512
"""Queries, in such batches, after which bounds are prepared: that costs about as much as they spare so many."""
_LARGE = 50_000
"""Vectors from which they help."""


class FlatIndex(FaissIndex):
    """Inner products with all N vectors, or bounds that prove them needless; recall is 1 by definition.

    Raises:
        MissingExtraError: faiss is not installed.
    """

    kinds = ("IndexFlatIP",)
    choice = "flat"

    def _hold(self, index: Any, mapped: Path | None = None) -> None:
        super()._hold(index, mapped)
        self._prepared: Directions | None = None
        self._asked_before = 0

    def _found(self, queries: NDArray[np.float32], top_k: int, allowed: NDArray[np.bool_] | None) -> Neighbours:
        few = len(queries) < _MANY or self._index.ntotal < _LARGE
        if few or allowed is not None or self._gpu.suits(len(queries), top_k):
            return super()._found(queries, top_k, allowed)
        self._asked_before += len(queries)
        if self._prepared is None and self._asked_before <= _PAYS:
            return super()._found(queries, top_k, allowed)
        vectors = self._vectors()
        self._prepared = self._prepared or directions(vectors)
        return scan(queries, vectors, top_k, self._prepared)

    def _vectors(self) -> NDArray[np.float32]:
        """Return the rows [N, D] where they lie, on disk if they are mapped."""
        count, width = self._index.ntotal, self._index.d
        rows: NDArray[np.float32] = faiss_index.faiss.rev_swig_ptr(self._index.get_xb(), count * width)
        return rows.reshape(count, width)
