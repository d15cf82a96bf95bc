"""Arrays that somebody else's program wrote, checked row by row and brought to unit length."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from medxpert.errors import DataError
from medxpert.ontology import OBSERVATIONS

_CHUNK = 1024
_TOLERANCE = 2e-3
"""How far from 1 a row's length may be: unit rows that were rounded to half precision."""


class Rows(NamedTuple):
    """Checked embeddings."""

    vectors: NDArray[np.floating]
    """Unit rows [N, D]: the memory-mapped file where it holds such rows as float16 or float32, else float32."""
    remarks: list[str]


def open_array(path: Path) -> NDArray:
    """Memory-map a .npy file of numbers.

    Raises:
        DataError: it is missing, pickled, cut short, or no array.
    """
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing; write it with numpy.save") from error
    except (OSError, EOFError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise DataError(
            f"{path}: expected a plain array of numbers, found none ({reason}); write it with numpy.save"
        ) from error
    if not isinstance(array, np.ndarray):
        raise DataError(f"{path}: expected one array, found an archive of several; write it with numpy.save")
    return array


def open_rows(path: Path) -> Rows:
    """Open embeddings [N, D] of any float type, memory O(chunk) where nothing has to be changed.

    Raises:
        DataError: they are no such matrix, or a row is not finite or all zero.
    """
    array = open_array(path)
    if array.ndim != 2 or 0 in array.shape:
        raise DataError(f"{path}: expected a non-empty matrix [N, D], found shape {list(array.shape)}")
    return _unit_rows(path, array)


def open_prompts(path: Path) -> Rows:
    """Open the embedded prompts [14, 2, D]: per observation, in their order, "present" and "absent".

    Raises:
        DataError: they are no such array, or a row is not finite or all zero.
    """
    array = open_array(path)
    if array.ndim != 3 or array.shape[:2] != (len(OBSERVATIONS), 2) or 0 in array.shape:
        raise DataError(
            f"{path}: expected [{len(OBSERVATIONS)}, 2, D], a positive and a negative prompt for each of "
            f"{', '.join(OBSERVATIONS)}; found shape {list(array.shape)}"
        )
    rows = _unit_rows(path, array.reshape(-1, array.shape[2]))
    return rows._replace(vectors=rows.vectors.reshape(array.shape))


def open_flags(path: Path, count: int) -> NDArray[np.bool_]:
    """Open one yes or no per study, [count].

    Raises:
        DataError: it is no such array.
    """
    array = open_array(path)
    if array.shape != (count,) or array.dtype.kind not in "biu" or not np.isin(array, (0, 1)).all():
        raise DataError(f"{path}: expected {count} values true or false, found {array.dtype} {list(array.shape)}")
    return array.astype(bool)


def _unit_rows(path: Path, array: NDArray) -> Rows:
    if array.dtype.kind != "f":
        raise DataError(f"{path}: expected float16, float32 or float64, found {array.dtype}; save floats")
    starts = range(0, len(array), _CHUNK)
    lengths = np.concatenate([_lengths(array[start : start + _CHUNK]) for start in starts])
    _check(path, lengths)
    remarks = []
    if array.dtype not in (np.float16, np.float32):
        remarks.append(f"{path.name}: {array.dtype}, converted to float32.")
    if np.abs(lengths - 1).max() > _TOLERANCE:
        remarks.append(f"{path.name}: rows of length {lengths.min():.3g} to {lengths.max():.3g}, normalised to 1.")
    if not remarks:
        return Rows(array, remarks)
    vectors = np.empty(array.shape, np.float32)
    for start in starts:
        some = slice(start, start + _CHUNK)
        vectors[some] = array[some].astype(np.float64) / lengths[some, None]
    return Rows(vectors, remarks)


def _lengths(rows: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the length of each row, not finite where a value is not; scaled, so that no square overflows."""
    wide = rows.astype(np.float64)
    peaks = np.abs(wide).max(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(peaks > 0, peaks * np.linalg.norm(wide / peaks[:, None], axis=1), peaks)


def _check(path: Path, lengths: NDArray[np.float64]) -> None:
    for bad, what in ((~np.isfinite(lengths), "not finite (NaN or infinity)"), (lengths == 0, "all zero")):
        if bad.any():
            others = f" and {bad.sum() - 1} more" if bad.sum() > 1 else ""
            row = int(bad.argmax())
            raise DataError(f"{path}: row {row} of {len(bad)}{others} is {what}; embed it again or leave it out")
