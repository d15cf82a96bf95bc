"""Folders for what sessions upload: one each, closed to others, gone when their session is.

What a killed server leaves behind is removed when the next one takes its first upload. Two servers may share a folder.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from threading import Lock
from typing import IO

from medxpert.errors import ConfigError

GRACE_SECONDS = 180.0
"""A browser that lost its connection finds its session again within two minutes."""
_LOCK = ".lock"


@dataclass
class Rooms:
    """The folders of one server's sessions.

    Attributes:
        folder: holds them all; made with mode 0700.

    Raises:
        ConfigError: the folder is a link or cannot be written.
    """

    folder: Path
    _server: str = field(default_factory=lambda: token_hex(8), init=False)
    _absent: dict[str, float] = field(default_factory=dict, init=False)
    _guests: dict[str, str] = field(default_factory=dict, init=False)
    _lock: Lock = field(default_factory=Lock, init=False)
    _mine: IO[str] = field(init=False)

    def __post_init__(self) -> None:
        with writing(self.folder):
            _make(self.folder)
            with self._alone():
                self._clear_abandoned()
                self._mine = self._taken(self._server)

    def room(self, name: str, guest: str) -> Path:
        """Return the folder of this name, made where there is none.

        Args:
            name: of letters and digits, drawn by chance.
            guest: the session, as `sweep` asks for it.

        Raises:
            ConfigError: it cannot be written.
        """
        path = self.folder / f"{self._server}-{name}"
        with writing(path), self._lock:
            _make(path)
            self._guests[name] = guest
            self._absent.pop(name, None)
        return path

    def sweep(self, present: Callable[[str], bool], now: float) -> None:
        """Remove the folders of the sessions that have been away for `GRACE_SECONDS`.

        Args:
            present: tells whether a session is connected.
            now: seconds on any clock that never goes back.
        """
        with self._lock:
            for name, guest in list(self._guests.items()):
                if present(guest):
                    self._absent.pop(name, None)
                elif now - self._absent.setdefault(name, now) >= GRACE_SECONDS:
                    shutil.rmtree(self.folder / f"{self._server}-{name}", ignore_errors=True)
                    del self._guests[name], self._absent[name]

    def close(self) -> None:
        """Remove all folders of this server."""
        for path in self.folder.glob(f"{self._server}-*"):
            shutil.rmtree(path, ignore_errors=True)
        (self.folder / f".{self._server}").unlink(missing_ok=True)
        self._mine.close()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with _opened(self.folder / _LOCK) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _taken(self, server: str) -> IO[str]:
        file = _opened(self.folder / f".{server}")
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return file

    def _clear_abandoned(self) -> None:
        for path in self.folder.glob("*-*"):
            server = path.name.partition("-")[0]
            try:
                self._taken(server).close()
            except BlockingIOError:
                continue
            shutil.rmtree(path, ignore_errors=True)
        for path in self.folder.glob(".*"):
            if path.name != _LOCK and not self._runs(path.name[1:]):
                path.unlink(missing_ok=True)

    def _runs(self, server: str) -> bool:
        try:
            self._taken(server).close()
        except BlockingIOError:
            return True
        return False


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn the operating system's refusal to write into one line.

    Raises:
        ConfigError: naming what could not be written and why.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(f"cannot write {path}: {reason}; free the space or give another folder (folder=)") from error


def _make(path: Path) -> None:
    """Make a folder that only its owner may enter.

    Raises:
        ConfigError: a link or a file stands in its place.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_symlink():
        raise ConfigError(f"{path} is a link, and uploads are kept in the app's own folder only; remove it")
    path.mkdir(mode=0o700, exist_ok=True)
    if path.stat().st_mode & 0o077:
        path.chmod(0o700)


def _opened(path: Path) -> IO[str]:
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "w")
