"""Artefact folders: written beside their place, sealed with checksums, renamed into it, verified when read."""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import Any

from medxpert.checksums import known_sha256, sha256
from medxpert.errors import ConfigError, DataError

MANIFEST = "manifest.json"


@contextmanager
def explained(target: Path) -> Iterator[None]:
    """Turn the operating system's refusal to write (disk full, no permission) into one clear line.

    Lost connections, which Python counts among the same errors, pass through.

    Raises:
        ConfigError: naming what could not be written and why.
    """
    try:
        yield
    except (ConnectionError, TimeoutError):
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(
            f"cannot write {target}: {reason}; free the space or give another folder (hydra.run.dir= or output=)"
        ) from error


@contextmanager
def atomic_folder(target: Path, first_wins: bool = False) -> Iterator[Path]:
    """Yield an empty sibling of `target` that takes its place on success and vanishes on failure.

    Args:
        target: replaced as a whole.
        first_wins: leave a sealed folder that another process put there in the meantime, for folders whose name
            tells their content: the other process may have opened it.

    Raises:
        ConfigError: the folder cannot be written (disk full, no permission); what stood at `target` still does.
    """
    # not the process id: two containers that share a disk may have the same one
    sibling = target.with_name(f".{target.name}.{token_hex(4)}")
    with explained(target):
        try:
            sibling.mkdir(parents=True)
            yield sibling
            if not (first_wins and (target / MANIFEST).is_file()):
                _replace(sibling, target)
        finally:
            shutil.rmtree(sibling, ignore_errors=True)


def _replace(source: Path, target: Path) -> None:
    """Rename to a place that other processes may be filling or clearing at the same time."""
    old = source.with_name(f"{source.name}.old")
    while True:
        try:
            source.rename(target)
            break
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        shutil.rmtree(old, ignore_errors=True)
        with suppress(FileNotFoundError):
            target.rename(old)
    shutil.rmtree(old, ignore_errors=True)


@contextmanager
def atomic_file(target: Path) -> Iterator[Path]:
    """Yield a sibling path that takes the place of the file `target` on success.

    Raises:
        ConfigError: the file cannot be written.
    """
    sibling = target.with_name(f".{target.stem}.{token_hex(4)}{target.suffix}")
    with explained(target):
        try:
            yield sibling
            sibling.replace(target)
        finally:
            sibling.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically, readable by people."""
    with atomic_file(path) as sibling:
        sibling.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def read_json(path: Path, cure: str = "python train.py") -> Any:
    """Read a JSON file.

    Raises:
        DataError: the file is missing or is not JSON; the message names `cure`.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing; make it again: {cure}") from error
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as JSON ({error}); make it again: {cure}") from error


def seal(folder: Path, fields: Mapping[str, Any]) -> None:
    """Write the manifest: `fields` and the size and sha256 of every file in the folder."""
    files = {
        path.relative_to(folder).as_posix(): {"bytes": path.stat().st_size, "sha256": sha256(path)}
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MANIFEST
    }
    write_json(folder / MANIFEST, {**fields, "files": files})


def verified(folder: Path, cure: str = "python train.py", only: str | None = None) -> dict[str, Any]:
    """Return a sealed folder's manifest after checking every file against it, or only one of them.

    Large files that nothing has written to since are not read again: see `checksums`.

    Raises:
        DataError: the manifest or a file is missing, or a file's content changed; the message names `cure`.
    """
    if not (folder / MANIFEST).is_file():
        raise DataError(f"{folder} is missing or half-written (no {MANIFEST}); make it again: {cure}")
    manifest: dict[str, Any] = read_json(folder / MANIFEST, cure)
    try:
        files = {folder / name: (entry["bytes"], entry["sha256"]) for name, entry in manifest["files"].items()}
    except (AttributeError, KeyError, TypeError) as error:
        raise DataError(f"{folder / MANIFEST} lists no files; make it again: {cure}") from error
    chosen = files if only is None else {folder / only: files.get(folder / only, (0, ""))}
    for path, (size, digest) in chosen.items():
        if not path.is_file():
            raise DataError(f"{path} is missing; make it again: {cure}")
        if path.stat().st_size != size or known_sha256(path) != digest:
            raise DataError(f"{path} is not what was written (its checksum differs); make it again: {cure}")
    return manifest
