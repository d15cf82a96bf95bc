"""A GPU answers many queries at once, and nothing else; no test here needs one."""

import faiss
import numpy as np
import pytest

from medxpert.indexes.approximate import FEW
from medxpert.indexes.flat import FlatIndex
from medxpert.indexes.ivf import IVFIndex

VECTORS = np.random.default_rng(0).standard_normal((FEW + 10, 16)).astype(np.float32)
VECTORS /= np.linalg.norm(VECTORS, axis=1, keepdims=True)


@pytest.fixture
def copies(monkeypatch):
    """Pretend that there is a GPU, whose copies are the indexes themselves; return what was copied."""
    made = []
    monkeypatch.setattr(faiss, "get_num_gpus", lambda: 1)
    monkeypatch.setattr(faiss, "StandardGpuResources", object, raising=False)
    monkeypatch.setattr(
        faiss, "index_cpu_to_gpu", lambda _resources, _device, index: made.append(index) or index, raising=False
    )
    return made


def searched(index, num_queries, allowed=None, top_k=3):
    return index.search(VECTORS[:num_queries], top_k, allowed)


@pytest.mark.parametrize("make", [FlatIndex, lambda: IVFIndex(num_cells=8)])
def test_one_copy_serves_many_queries_until_the_index_changes(make, copies):
    index = make()
    index.build(VECTORS)
    copies.clear()  # tuning asks many
    before = len(copies)
    searched(index, 200)
    searched(index, 200)
    assert len(copies) - before <= 1
    index.add(VECTORS[:2])
    found = searched(index, 200)
    assert copies[-1] is index._index
    assert (found.rows[:2, :2] >= 0).all()


@pytest.mark.parametrize(
    ("num_queries", "allowed", "top_k"), [(1, None, 3), (200, np.ones(FEW + 10, bool), 3), (200, None, 2049)]
)
def test_what_a_copy_cannot_or_need_not_answer_stays(num_queries, allowed, top_k, copies):
    index = FlatIndex()
    index.build(VECTORS)
    searched(index, num_queries, allowed, min(top_k, 2100))
    assert copies == []


def test_without_a_gpu_nothing_is_copied(monkeypatch):
    monkeypatch.setattr(faiss, "get_num_gpus", lambda: 0)
    index = FlatIndex()
    index.build(VECTORS)
    assert searched(index, 200).rows[:, 0].tolist() == list(range(200))
