"""What is evidence is looked for among all cases, whatever recall an approximate index was tuned to."""

from typing import NamedTuple

import numpy as np
import pytest

from medxpert.cases import SCHEMA, encode_labels, write_cases
from medxpert.folders import seal
from medxpert.indexes import approximate
from medxpert.indexes.filter import Filter
from medxpert.indexes.gallery import Gallery
from medxpert.indexes.hnsw import HNSWIndex
from medxpert.indexes.ivf import IVFIndex
from medxpert.indexes.own import NOBODY
from medxpert.indexes.writing import side_rows, write_index
from medxpert.run import Run

NUM_STUDIES, TOP_K = 400, 30


class Rows(NamedTuple):
    image: np.ndarray
    text: np.ndarray


def drawn(seed, count):
    rows = np.random.default_rng(seed).standard_normal((count, 16))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("make", [IVFIndex, HNSWIndex])
def test_evidence_are_the_true_neighbours(make, tmp_path, monkeypatch):
    monkeypatch.setattr(approximate, "FEW", 100)
    folder = tmp_path / "embeddings" / "train"
    folder.mkdir(parents=True)
    known = {"truth": None, "thumbnail": b"", "policy": "open", "images": 1, "split": "train"}
    case = dict.fromkeys(SCHEMA.names, "") | known | {"labels": encode_labels({})}
    names = [{"study_id": f"s{row}", "patient_id": f"p{row}"} for row in range(NUM_STUDIES)]
    write_cases(folder / "cases.parquet", (case | one for one in names))
    fields = {"encoder": "e", "policy": "open", "split": "train"}
    seal(folder, fields)
    sides = Rows(drawn(0, NUM_STUDIES), drawn(1, NUM_STUDIES))
    write_index(tmp_path / "index", lambda: make(recall=0.2), sides, fields)
    gallery = Gallery(Run(tmp_path), "e")
    rows, shown = side_rows(sides, "both"), 0
    for query in drawn(2, 20):
        best = set(np.argsort(-rows @ query)[:TOP_K].tolist())
        assert {hit.row for hit in gallery.evidence(query, TOP_K, NOBODY)} == best
        shown += len(best & {hit.row for hit in gallery.search(query, TOP_K, "both", Filter())})
    assert shown < 0.9 * 20 * TOP_K  # a search is as approximate as it was asked to be
