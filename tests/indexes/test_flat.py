import faiss
import numpy as np
import pytest

from medxpert.errors import ConfigError, DataError, MissingExtraError
from medxpert.indexes import faiss_index, flat


def test_faiss_missing(monkeypatch):
    monkeypatch.setattr(faiss_index, "faiss", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'medxpert\[cpu\]'"):
        flat.FlatIndex()


def test_refuses_another_kind(tmp_path):
    other = faiss.IndexFlatL2(4)
    other.add(np.eye(4, dtype=np.float32))
    faiss.write_index(other, str(tmp_path / "index"))
    with pytest.raises(DataError, match="expected index=flat, found IndexFlatL2"):
        flat.FlatIndex().load(tmp_path / "index")


def test_file_that_cannot_be_written(tmp_path):
    index = flat.FlatIndex()
    index.build(np.eye(4, dtype=np.float32))
    with pytest.raises(ConfigError, match=r"cannot write .*index; free the space"):
        index.save(tmp_path / "gone" / "index")


def test_search_before_build():
    with pytest.raises(DataError, match="expected width 0 as in the index"):
        flat.FlatIndex().search(np.ones((1, 4), np.float32), 1)
