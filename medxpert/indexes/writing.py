"""From embeddings to the indexes of a run: what a query is compared with, and the files that hold it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from medxpert.folders import atomic_folder, seal
from medxpert.indexes.elsewhere import replacing
from medxpert.words import Index, Neighbours

Match = Literal["image", "text", "both"]
MATCHES: tuple[Match, ...] = ("image", "text", "both")
DEFAULT_MATCH: Match = "both"
_NUM_ASKING = 800
"""Studies whose images and texts stand for the queries to come."""
_ENOUGH_ASKING = 100
"""Fewer validation studies tell no recall."""
_ROUNDING = 2e-3
"""How far from 1 the length of a unit row may be that was rounded to half precision."""
log = logging.getLogger(__name__)


class Sides(Protocol):
    """Float rows [N, D] of the images and of the texts of N studies."""

    @property
    def image(self) -> NDArray[np.floating]:
        """Unit rows of the images."""
        ...

    @property
    def text(self) -> NDArray[np.floating]:
        """Unit rows of the texts."""
        ...


@runtime_checkable
class Expectant(Protocol):
    """An index that is tuned to what will be asked."""

    def expect(
        self, queries: NDArray[np.float32], own: NDArray[np.int64], kinds: NDArray[np.int64] | None = None
    ) -> None:
        """Take unit rows [Q, D] that stand for the queries to come, the row that each belongs to, and its kind."""
        ...


@runtime_checkable
class Thorough(Protocol):
    """An index that may compare less than all, and can be asked to compare all."""

    def search_all(
        self, queries: NDArray[np.float32], top_k: int, allowed: NDArray[np.bool_] | None = None
    ) -> Neighbours:
        """Find as `search` does, comparing all vectors."""
        ...


def side_rows(sides: Sides, match: Match) -> NDArray[np.floating]:
    """Return what a query is compared with, [N, D]: the image rows, the text rows, or the unit rows between the two."""
    if match == "both":
        # Opposite rows have nothing between them: they stay zero.
        return _unit(_unit(sides.image) + _unit(sides.text))
    return sides.image if match == "image" else sides.text


def _unit(rows: NDArray[np.floating]) -> NDArray[np.floating]:
    """Scale rows to length 1; those that are, up to the rounding of half precision, and rows of zeros stay."""
    rows = np.asarray(rows, np.float32)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where((lengths == 0) | (np.abs(lengths - 1) < _ROUNDING), 1, lengths)


def write_index(
    folder: Path,
    make: Callable[[], Index],
    sides: Sides,
    fields: Mapping[str, str],
    unseen: Sides | None = None,
) -> None:
    """Index one split for every match; row i of each index is row i of the split's embeddings.

    Args:
        folder: replaced as a whole.
        make: makes an empty index.
        sides: what to index.
        fields: for the manifest: encoder, policy and split.
        unseen: studies that are not indexed, such as those of validation, which tell what an approximate index must
            do for new ones. Without enough of them, indexed studies ask, which are found more easily.

    Raises:
        RemoteError: the policy forbids an index on another machine.
    """
    tuned = {}
    with replacing(folder, fields["policy"]) as admitted, atomic_folder(folder) as sibling:
        for match in MATCHES:
            index = admitted(make())
            if isinstance(index, Expectant):
                index.expect(*_asking(sides, unseen))
            index.build(np.asarray(side_rows(sides, match), dtype=np.float32))
            index.save(sibling / f"{match}.index")
            tuned[match] = dict(index.tuned)
            _tell(index, match)
        made_by = f"{type(index).__module__}.{type(index).__qualname__}"
        held = {"index": made_by, "count": len(sides.image), "dim": sides.image.shape[1], "tuned": tuned}
        seal(sibling, {**held, **fields})


def _tell(index: Index, match: Match) -> None:
    """Log what an index found out when it was built, which an exact one does not."""
    told = (f"{name} {round(one, 4) if isinstance(one, float) else one}" for name, one in index.tuned.items())
    if line := ", ".join(told):
        log.info("%s: %s", name_of(index, match), line)


def name_of(index: Index, match: Match) -> str:
    """Name one of a run's indexes, as log lines do."""
    return f"{type(index).__name__}, match={match}"


def _asking(sides: Sides, unseen: Sides | None) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
    """Draw studies whose images (kind 0) and texts (kind 1) ask, whatever is compared with them."""
    new = unseen is not None and len(unseen.image) >= _ENOUGH_ASKING
    asking = unseen if unseen is not None and new else sides
    drawn = np.random.default_rng(0).permutation(len(asking.image))[:_NUM_ASKING]
    queries = np.stack([_unit(np.asarray(side)[drawn]) for side in (asking.image, asking.text)], axis=1)
    own = np.full_like(drawn, -1) if new else drawn
    return queries.reshape(-1, queries.shape[2]), own.repeat(2), np.tile(np.arange(2), len(drawn))
