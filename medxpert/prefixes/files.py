"""Activations on disk: one memory-mapped array, and the digest of every chunk of it.

A folder counts once its manifest stands. Until then the digests tell which chunks are whole, so that a build that was
killed goes on where it stopped, and one whose disk lost power computes again what never reached the disk.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from medxpert.data.decoding import num_cores
from medxpert.errors import ConfigError, DataError
from medxpert.folders import MANIFEST, read_json, write_json
from medxpert.locks import locked
from medxpert.prefixes.recipe import Recipe

STATES, CHUNKS = "states.npy", "chunks.jsonl"
log = logging.getLogger(__name__)


def build(recipe: Recipe, folder: Path, policy: str) -> None:
    """Compute what is not there yet, or not as it was written; other processes that want the same wait.

    Args:
        recipe: what is wanted.
        folder: whose name tells the recipe.
        policy: of the data and weights that the rows come from.

    Raises:
        ConfigError: the folder cannot be written.
    """
    with _written(folder), _alone(folder):
        folder.mkdir(exist_ok=True)
        states = _opened(folder / STATES, recipe)
        digests = _whole_chunks(states, recipe, folder / CHUNKS)
        sealed = _manifest(folder)
        if sealed is not None and len(digests) == recipe.num_chunks and _agrees(sealed, recipe):
            log.info("frozen prefix, %s side: taken from %s", recipe.side, folder)
            return
        (folder / MANIFEST).unlink(missing_ok=True)
        if sealed is not None or digests:
            told = "%s is not what was written" if sealed is not None else "going on with %s"
            log.warning(f"{told}: %d of %d chunks are whole", folder, len(digests), recipe.num_chunks)
        _fill(states, recipe, folder / CHUNKS, digests)
        write_json(folder / MANIFEST, {**_fields(recipe), "policy": policy})


def check_built(recipe: Recipe, folder: Path) -> Path:
    """Return the file of the rows that `build` wrote, and verified.

    Raises:
        DataError: they are not there, or belong to another recipe.
    """
    sealed = _manifest(folder)
    if sealed is None or not _agrees(sealed, recipe) or _header_length(folder / STATES, recipe) is None:
        raise DataError(
            f"{folder} holds no activations of these frozen weights and data; start again, or go on with "
            "model.cache_prefix=false"
        )
    return folder / STATES


def missing_bytes(recipe: Recipe, folder: Path) -> int:
    """Return how much disk space the rows still need."""
    path = folder / STATES
    return max(0, recipe.num_bytes - (path.stat().st_size if path.is_file() else 0))


def _fields(recipe: Recipe) -> dict[str, Any]:
    return {"side": recipe.side, "made_of": dict(recipe.known), "shape": list(recipe.shape), "dtype": "bfloat16"}


def _agrees(sealed: Mapping[str, Any], recipe: Recipe) -> bool:
    wanted = json.loads(json.dumps(_fields(recipe)))
    return all(sealed.get(name) == value for name, value in wanted.items())


def _manifest(folder: Path) -> dict[str, Any] | None:
    """Return the manifest, empty where it is broken; None where there is none."""
    if not (folder / MANIFEST).is_file():
        return None
    try:
        manifest = read_json(folder / MANIFEST)
    except DataError:
        return {}
    return manifest if isinstance(manifest, dict) else {}


def _opened(path: Path, recipe: Recipe) -> NDArray[np.uint16]:
    """Map the array for writing, at its full length; a new one where none of this shape stands."""
    length = _header_length(path, recipe)
    if length is None:
        states = npy.open_memmap(path, "w+", np.uint16, recipe.shape)
        length = path.stat().st_size - recipe.num_bytes
        del states
    with path.open("r+b") as file:  # a full disk would kill the process while the memory map is written
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, length + recipe.num_bytes)
        os.truncate(file.fileno(), length + recipe.num_bytes)
    return npy.open_memmap(path, "r+")


def _header_length(path: Path, recipe: Recipe) -> int | None:
    """Return where the rows begin in the file; None where it is no array of theirs."""
    try:
        with path.open("rb") as file:
            if npy.read_magic(file) != (1, 0):
                return None
            shape, fortran, dtype = npy.read_array_header_1_0(file)
            return file.tell() if (shape, fortran, dtype) == (recipe.shape, False, np.dtype(np.uint16)) else None
    except (FileNotFoundError, ValueError):
        return None


def _digest(rows: NDArray[np.uint16]) -> str:
    return hashlib.sha256(np.ascontiguousarray(rows).data).hexdigest()


def _whole_chunks(states: NDArray[np.uint16], recipe: Recipe, path: Path) -> dict[int, str]:
    """Return the digests of the chunks that are what was written; forgets the others."""
    noted = {chunk: digest for chunk, digest in _noted(path) if 0 <= chunk < recipe.num_chunks}
    with ThreadPoolExecutor(num_cores()) as threads:
        found = dict(zip(noted, threads.map(lambda chunk: _digest(states[recipe.rows(chunk)]), noted), strict=True))
    return {chunk: digest for chunk, digest in noted.items() if found[chunk] == digest}


def _noted(path: Path) -> Iterator[tuple[int, str]]:
    if not path.is_file():
        return
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            chunk, digest = json.loads(line)
        except (ValueError, TypeError):  # the last line of a killed process may be half a line
            continue
        if isinstance(chunk, int):
            yield chunk, str(digest)


def _fill(states: NDArray[np.uint16], recipe: Recipe, path: Path, digests: Mapping[int, str]) -> None:
    """Compute the chunks that have no digest, and note each behind its rows."""
    path.write_text("".join(_line(chunk, digest) for chunk, digest in digests.items()), encoding="utf-8")
    todo = [chunk for chunk in range(recipe.num_chunks) if chunk not in digests]
    console = Console(stderr=True)
    with path.open("a", encoding="utf-8", buffering=1) as journal:
        for chunk in track(todo, f"frozen prefix, {recipe.side} side", console=console, transient=True):
            rows = recipe.compute(chunk)
            states[recipe.rows(chunk)] = rows
            journal.write(_line(chunk, _digest(rows)))


def _line(chunk: int, digest: str) -> str:
    return json.dumps([chunk, digest]) + "\n"


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other processes out of a folder; the system lets go of what a killed process held."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = folder.with_suffix(".lock")
    with locked(lock, wait=False, otherwise=True) as alone:
        if alone:
            yield
            return
    log.info("another process computes %s; waiting for it", folder)
    with locked(lock, wait=True, otherwise=True):
        yield


@contextmanager
def _written(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(
            f"cannot write {folder}: {reason}; free the space, set MEDXPERT_CACHE to another disk or leave "
            "model.cache_prefix out"
        ) from error
