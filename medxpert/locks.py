"""One process at a time: locks that the system takes back when their holder is killed."""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from medxpert.folders import explained

try:
    import fcntl
except ModuleNotFoundError:  # Windows
    fcntl = None  # type: ignore[assignment]

log = logging.getLogger(__name__)
_UNKNOWN = (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK)


@contextmanager
def locked(path: Path, wait: bool, otherwise: bool) -> Iterator[bool]:
    """Hold a lock file for a while; yield whether this process holds it.

    Args:
        path: the file; it stays, and says nothing.
        wait: until others let it go; else yield False while another process holds it.
        otherwise: what to yield on a file system that knows no locks.

    Raises:
        ConfigError: the file cannot be written.
    """
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a")
    with file:
        yield _take(file.fileno(), wait, otherwise, path)


def _take(descriptor: int, wait: bool, otherwise: bool, path: Path) -> bool:
    if fcntl is None:
        return otherwise
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _UNKNOWN:
            raise
        log.warning("the file system of %s knows no locks: start no second command that writes there", path)
        return otherwise
    return True
