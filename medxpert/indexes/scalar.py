"""Search by cells with vectors of one byte per value: a quarter of the memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from medxpert.indexes import faiss_index
from medxpert.indexes.approximate import CellIndex
from medxpert.indexes.faiss_index import flat_of

CODES = ("QT_8bit", "QT_fp16")
"""faiss's names, from the smaller to the more exact."""


class ScalarIndex(CellIndex):
    """Vectors in cells, each value rounded to 8 bits, or to 16 where 8 do not keep the recall.

    Scores are those of the rounded vectors. How many bits it takes is decided by the recall at 10.

    Args:
        recall: share of the true nearest neighbours to be found, in (0, 1].
        num_cells: cells; four per root of N if absent.
        seed: of the cells and of the queries that tune.

    Raises:
        ConfigError: an argument is out of range.
        MissingExtraError: faiss is not installed.
    """

    kinds = ("IndexIVFScalarQuantizer", "IndexIVFFlat", "IndexFlatIP")
    choice = "scalar"

    def _tune(self, rows: NDArray[np.float32]) -> bool:
        enough = super()._tune(rows)
        for codes in (*CODES[1:], "float32"):
            if enough:
                break
            self._tuned = {name: value for name, value in self._tuned.items() if not name.startswith("scanned")}
            self._hold(self._coded(rows, codes))
            self._tuned |= {"kind": type(self._index).__name__}
            enough = super()._tune(rows)
        return enough

    def _made(self, rows: NDArray[np.float32]) -> Any:
        return self._coded(rows, CODES[0])

    def _coded(self, rows: NDArray[np.float32], codes: str) -> Any:
        faiss = faiss_index.faiss
        centres, width, cells = flat_of(rows[:0]), rows.shape[1], self._cells(len(rows))
        self._tuned |= {"codes": codes.removeprefix("QT_")}
        if codes not in CODES:
            return self._trained(faiss.IndexIVFFlat(centres, width, cells, faiss.METRIC_INNER_PRODUCT), rows)
        code = getattr(faiss.ScalarQuantizer, codes)
        # differences to the centre, which are smaller than the rows and so are rounded less
        index = faiss.IndexIVFScalarQuantizer(centres, width, cells, code, faiss.METRIC_INNER_PRODUCT, True)
        return self._trained(index, rows)
