"""Checksums of large files, computed once for as long as nothing writes to them.

What is promised: a file is read through again as soon as anything has written to it, put another in its place, copied
or touched it, for then the system gives it another change time, which no program can set. What the disk itself loses
without a write is found when the file is read through: at its first opening, or with MEDXPERT_VERIFY=full.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

_WORTHWHILE = 1 << 20
"""Bytes below which a file is read faster than its checksum is looked up."""
_SETTLED_SECONDS = 2.0
"""Age from which another write would leave another change time, however coarse the file system's clock is."""


def default_cache() -> Path:
    """Return the folder of what can be made again: MEDXPERT_CACHE, else the user's cache folder."""
    return Path(os.environ.get("MEDXPERT_CACHE") or Path.home() / ".cache" / "medxpert")


def sha256(path: Path) -> str:
    """Return the hex digest of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def known_sha256(path: Path) -> str:
    """Return the hex digest of a file's content, remembered from when it was last read through, see above."""
    before = _state(path)
    if before["bytes"] < _WORTHWHILE:
        return sha256(path)
    memory = _memory(path)
    digest = None if os.environ.get("MEDXPERT_VERIFY") == "full" else _recalled(memory, before)
    if digest is None:
        digest = sha256(path)
        if before == _state(path) and time.time_ns() - before["changed"] > _SETTLED_SECONDS * 1e9:
            _remember(memory, before, digest)
    return digest


def _state(path: Path) -> dict[str, int]:
    """Return what changes when a file is written to."""
    found = path.stat()
    changed = max(found.st_ctime_ns, found.st_mtime_ns)
    return {
        "bytes": found.st_size,
        "changed": changed,
        "modified": found.st_mtime_ns,
        "inode": found.st_ino,
        "device": found.st_dev,
    }


def _memory(path: Path) -> Path | None:
    """Return the file that remembers a checksum; its name tells nobody the other's. None without a home."""
    with suppress(RuntimeError):
        name = hashlib.sha256(os.path.realpath(path).encode()).hexdigest()[:32]
        return default_cache() / "checksums" / f"{name}.json"
    return None


def _recalled(memory: Path | None, state: dict[str, int]) -> str | None:
    try:
        known = json.loads(memory.read_text(encoding="utf-8")) if memory else {}
        return str(known["sha256"]) if known["state"] == state else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _remember(memory: Path | None, state: dict[str, int], digest: str) -> None:
    """Write down a checksum; where that cannot be done, the file is read through the next time."""
    if memory is None:
        return
    sibling = memory.with_name(f".{memory.stem}.{token_hex(4)}")
    with suppress(OSError):
        memory.parent.mkdir(parents=True, exist_ok=True)
        sibling.write_text(json.dumps({"state": state, "sha256": digest}), encoding="utf-8")
        sibling.replace(memory)
