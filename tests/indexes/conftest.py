"""The implementations that every contract test runs on."""

import tempfile
from typing import NamedTuple

import pytest

from medxpert.indexes.flat import FlatIndex
from medxpert.indexes.hnsw import HNSWIndex
from medxpert.indexes.ivf import IVFIndex
from medxpert.indexes.milvus.index import MilvusIndex
from medxpert.indexes.scalar import ScalarIndex


class Implementation(NamedTuple):
    """One class, and whether its files hold the vectors themselves, so that cutting them breaks them."""

    make: type
    holds_vectors: bool = True


_PLACE = tempfile.TemporaryDirectory()


class MilvusFile(MilvusIndex):
    """In one database for all tests, because starting it takes a second."""

    def __init__(self) -> None:
        super().__init__(f"{_PLACE.name}/cases.db")


IMPLEMENTATIONS = [
    Implementation(FlatIndex),
    Implementation(IVFIndex),
    Implementation(ScalarIndex),
    Implementation(HNSWIndex),
    pytest.param(Implementation(MilvusFile, holds_vectors=False), marks=pytest.mark.slow),  # a second for each
]
"""Another index joins with one line."""


@pytest.fixture(params=IMPLEMENTATIONS, ids=lambda one: one.make.__name__)
def implementation(request) -> Implementation:
    return request.param
