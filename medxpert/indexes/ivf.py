"""Search by cells (Sivic and Zisserman, ICCV 2003): only the vectors of the cells nearest to a query are compared."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from medxpert.indexes import faiss_index
from medxpert.indexes.approximate import CellIndex
from medxpert.indexes.faiss_index import flat_of


class IVFIndex(CellIndex):
    """Whole vectors in cells; the number of cells probed is tuned to a recall.

    Args:
        recall: share of the true nearest neighbours to be found, in (0, 1]; all cells are probed where it takes that.
        num_cells: cells; four per root of N if absent.
        seed: of the cells and of the queries that tune.

    Raises:
        ConfigError: an argument is out of range.
        MissingExtraError: faiss is not installed.
    """

    kinds = ("IndexIVFFlat", "IndexFlatIP")
    choice = "ivf"

    def _made(self, rows: NDArray[np.float32]) -> Any:
        faiss = faiss_index.faiss
        width = rows.shape[1]
        centres = flat_of(rows[:0])
        index = faiss.IndexIVFFlat(centres, width, self._cells(len(rows)), faiss.METRIC_INNER_PRODUCT)
        return self._trained(index, rows)
