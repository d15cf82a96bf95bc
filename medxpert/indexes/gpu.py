"""Copies of faiss's indexes on a GPU, for many queries at once; one query is answered before a copy is made."""

from __future__ import annotations

from typing import Any

MANY = 128
"""Queries from which a copy pays."""
_MOST = 2048
"""Neighbours, and cells probed, that faiss-gpu takes."""
_KINDS = ("IndexFlatIP", "IndexIVFFlat", "IndexIVFScalarQuantizer")


class OnGpu:
    """The copy of one index, made when it is first of use.

    Args:
        faiss: the library; only its GPU build finds any.
        index: stays where it is, and answers what the copy cannot.
    """

    def __init__(self, faiss: Any, index: Any) -> None:
        self._faiss, self._index = faiss, index
        self._resources: Any = None
        self._copy: Any = None

    def suits(self, num_queries: int, top_k: int, effort: int = 1) -> bool:
        """Tell whether there is a GPU, and the search is one for it; masks are not."""
        return (
            num_queries >= MANY
            and max(top_k, effort) <= _MOST
            and type(self._index).__name__ in _KINDS
            and self._faiss.get_num_gpus() > 0
        )

    @property
    def index(self) -> Any:
        """The copy, on the first GPU."""
        if self._copy is None:
            self._resources = self._faiss.StandardGpuResources()
            self._copy = self._faiss.index_cpu_to_gpu(self._resources, 0, self._index)
        return self._copy
