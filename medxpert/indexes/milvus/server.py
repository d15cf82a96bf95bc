"""Where a Milvus collection lives, a file here or a server, and what its refusals mean for a user."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from medxpert.endpoints import is_loopback
from medxpert.errors import ConfigError, DataError, MedXpertError, MissingExtraError, RemoteError
from medxpert.privacy import Destination

if TYPE_CHECKING:
    from pymilvus import MilvusClient

TOKEN = "MILVUS_TOKEN"
"""Environment variable with what a server asks for: an API key, or user:password."""
_PORTS = {"http": 19530, "https": 443}
_SECRET = set("@?#")
"""What stands beside credentials in an address."""
_NOT_FOUND = (4, 100)
"""What servers of both generations answer where there is no such collection."""
_ELSEWHERE = "global-cluster"
"""In an address: the client asks there for the address of another server, and sends everything to that one."""
_NO_PROXY = {"grpc.enable_http_proxy": 0, "grpc.address_http_proxy_enabled_addresses": ""}
"""Otherwise http_proxy and GRPC_ADDRESS_HTTP_PROXY in the environment hold for this machine's own addresses too."""
_EXPECTED = "expected a file here such as cases.db, or a server such as http://host:19530"


@dataclass(frozen=True)
class Place:
    """A database of Milvus.

    Attributes:
        uri: an absolute path that ends in .db, or http(s)://HOST[:PORT][/DATABASE] without credentials.
        run: whose index was found to lie there; None for one that is being made.
    """

    uri: str
    run: Path | None = None

    @property
    def is_file(self) -> bool:
        """Whether milvus-lite opens it in this process; only one process may at a time."""
        return "://" not in self.uri

    @property
    def destination(self) -> Destination:
        """Where vectors go that are sent there."""
        here = is_loopback(self.uri) and _ELSEWHERE not in self.uri.lower()
        return "machine" if self.is_file or here else "server"

    @property
    def cure(self) -> str:
        """What to do where the index is gone."""
        return cure(self.run)

    def check(self, timeout_seconds: float) -> None:
        """Fail now where building would fail after hours; nothing is sent.

        Raises:
            ConfigError: the file's folder is missing.
            RemoteError: nobody listens there.
        """
        if self.is_file:
            if not Path(self.uri).parent.is_dir():
                raise ConfigError(f"index.uri={self.uri}: {Path(self.uri).parent} is no folder; make it first")
            return
        parts = urlsplit(self.uri)
        try:
            with socket.create_connection((parts.hostname, parts.port or _PORTS[parts.scheme]), timeout_seconds):
                pass
        except OSError as error:
            raise self.failure(error.strerror or str(error)) from error

    def failure(self, reason: str, code: int | None = None) -> MedXpertError:
        """Return the error for what Milvus said, in one line."""
        said = " ".join(reason.split()).rstrip(".")[:300] or "no reason given"
        if code in _NOT_FOUND:
            return DataError(f"{self.uri}: {said}: the index is gone; {self.cure}")
        if not self.is_file:
            return RemoteError(
                f"{self.uri}: {said}; see that Milvus runs there and answers within index.timeout_seconds=, and that "
                f"{TOKEN} in the environment is what it asks for"
            )
        if "another process holds the lock" in said:
            return ConfigError(
                f"{self.uri} is open in another process, and a file serves one at a time; close that one (an app, a "
                "notebook), or start a server and give index.uri=http://localhost:19530"
            )
        return ConfigError(f"{self.uri} cannot be used: {said}; move it away, or give another index.uri=")


def cure(run: Path | None) -> str:
    """Say how a run's index is made again."""
    return f"build it again: python -m medxpert.embed{f' run={run}' if run else ''}"


def place_of(uri: str, run: Path | None = None) -> Place:
    """Read a URI; a relative file lies in the folder that the command runs in.

    Args:
        uri: as it was given.
        run: as `Place` has it.

    Raises:
        ConfigError: it is neither a file that ends in .db nor the address of a server, or it holds credentials.
    """
    if "://" not in uri:
        if not uri.endswith(".db"):
            raise ConfigError(f"{_named(uri)}: {_EXPECTED}")
        return Place(str(Path(uri).expanduser().absolute()), run)
    try:
        parts = urlsplit(uri)
        usable = parts.scheme in _PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise ConfigError(f"index.uri: {_EXPECTED}") from None
    if set(uri) & _SECRET:
        raise ConfigError(f"index.uri: found credentials or options in the address; put the token into {TOKEN}")
    if not usable:
        raise ConfigError(f"index.uri={uri}: {_EXPECTED}")
    return Place(uri.rstrip("/"), run)


def _named(uri: str) -> str:
    return "index.uri" if set(uri) & _SECRET else f"index.uri={uri}"


def require(place: Place) -> None:
    """Look for the client and, for a file, milvus-lite, without importing either.

    Raises:
        MissingExtraError: one is not installed.
    """
    for package in ("pymilvus", "milvus_lite") if place.is_file else ("pymilvus",):
        if find_spec(package) is None:
            raise MissingExtraError(package.replace("_", "-"), "milvus")


def connect(place: Place, timeout_seconds: float) -> MilvusClient:
    """Open a file or reach a server.

    Raises:
        MissingExtraError: pymilvus or milvus-lite is not installed.
        ConfigError: the file cannot be opened, or another process has it open.
        RemoteError: the server is away, too slow, or refuses the token.
    """
    require(place)
    place.check(timeout_seconds)
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # read once, when grpc is imported
    from pymilvus import MilvusClient

    for name in ("pymilvus", "pymilvus.milvus_client", "grpc._server"):  # they log tracebacks of what they raise
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    token = "" if place.is_file else os.environ.get(TOKEN, "")
    options = {"grpc_options": _NO_PROXY} if place.destination == "machine" else {}
    with _overheard() as heard, explained(place, heard):
        return MilvusClient(place.uri, token=token, timeout=timeout_seconds, **options)


@contextmanager
def explained(place: Place, heard: list[str] | None = None) -> Iterator[None]:
    """Turn what pymilvus and grpc raise into one line of ours.

    Args:
        place: what is talked to.
        heard: reasons that were logged and not raised; the last one counts.

    Raises:
        DataError: the collection is gone.
        ConfigError: a file cannot be used.
        RemoteError: a server does not do what it is asked to.
    """
    from grpc import RpcError
    from pymilvus.exceptions import MilvusException

    try:
        yield
    except MilvusException as error:
        raise place.failure(heard[-1] if heard else error.message, error.code) from error
    except RpcError as error:
        raise place.failure(f"{error.code().name}: {error.details()}") from error


class _Ear(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[1]:
            self.heard.append(str(record.exc_info[1]))


@contextmanager
def _overheard() -> Iterator[list[str]]:
    """Yield the list of what milvus-lite only logs: it says nowhere else why a file cannot be opened."""
    logger, ear = logging.getLogger("milvus_lite"), _Ear()
    propagate, logger.propagate = logger.propagate, False
    logger.addHandler(ear)
    try:
        yield ear.heard
    finally:
        logger.removeHandler(ear)
        logger.propagate = propagate
