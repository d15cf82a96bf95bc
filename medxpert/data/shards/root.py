"""The folder of prepared data, on this machine or in a bucket."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import fs

from medxpert.data import hub
from medxpert.data.shards.layout import VERSION
from medxpert.errors import ConfigError, DataError, RemoteError
from medxpert.folders import MANIFEST, atomic_file, explained, sha256
from medxpert.privacy import without_credentials

_ATTEMPTS, _TIMEOUT_SECONDS = 3, 20
_CURE = "prepare it again: python -m medxpert.prepare"


@dataclass(frozen=True)
class Root:
    """Where prepared data lie.

    Attributes:
        location: a folder, or a URI such as s3://bucket/shards, gs://..., hf://datasets/owner/name.
    """

    location: str

    @property
    def name(self) -> str:
        """The location without what opens it."""
        return without_credentials(self.location)

    @property
    def local(self) -> Path | None:
        """The folder; None in a bucket."""
        return None if "://" in self.location else Path(self.location).expanduser()

    @cached_property
    def _files(self) -> tuple[fs.FileSystem, str]:
        try:
            if self.location.startswith("hf://"):
                return fs.PyFileSystem(fs.FSSpecHandler(hub.file_system())), self.location.removeprefix("hf://")
            return _patient(*fs.FileSystem.from_uri(self.location))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise ConfigError(f"data.root={self.name}: {_line(error)}; change data.root") from error
        except OSError as error:
            raise RemoteError(f"data.root={self.name}: {_line(error)}; check the network and the address") from error

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """What was prepared, from which options.

        Raises:
            ConfigError: there is no such folder.
            DataError: it holds no finished preparation, or one by another version.
            RemoteError: the bucket does not answer.
        """
        if self.local is not None and not self.local.is_dir():
            found = "a file" if self.local.exists() else "nothing"
            raise ConfigError(f"data.root={self.name}: expected a prepared folder, found {found}; change data.root")
        try:
            manifest: dict[str, Any] = json.loads(self.read(MANIFEST))
        except FileNotFoundError as error:
            raise DataError(
                f"{self.name} holds no {MANIFEST}: nothing was prepared there, or it was interrupted; {_CURE}"
            ) from error
        except ValueError as error:
            raise DataError(f"{self.name}/{MANIFEST} is broken; {_CURE}") from error
        if not isinstance(manifest, dict):
            raise DataError(f"{self.name}/{MANIFEST} is broken; {_CURE}")
        if manifest.get("shards") != VERSION:
            raise DataError(
                f"{self.name} was prepared in version {manifest.get('shards')}, expected {VERSION}; {_CURE}"
            )
        return manifest

    @cached_property
    def fingerprint(self) -> str:
        """Tells the content of all files."""
        told = json.dumps([self.manifest["shards"], self.manifest["files"]], sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()[:24]

    def read(self, name: str) -> bytes:
        """Read a whole file.

        Raises:
            FileNotFoundError: there is none.
            RemoteError: the bucket does not answer.
        """
        if self.local is not None:
            return (self.local / name).read_bytes()
        files, top = self._files
        with self.reaching(name):
            data: bytes = files.open_input_stream(f"{top}/{name}").read()
        return data

    def open(self, name: str) -> pa.NativeFile:
        """Open a file of a bucket for random access."""
        files, top = self._files
        with self.reaching(name):
            return files.open_input_file(f"{top}/{name}")

    def table(self, name: str, cache: Path) -> Path:
        """Return the path of a table, verified; one in a bucket is fetched once into the cache.

        Raises:
            DataError: it is missing or not what was written.
            RemoteError: the bucket does not answer.
        """
        entry = self.manifest["files"].get(name)
        if entry is None:
            raise DataError(f"{self.name}/{MANIFEST} lists no {name}; {_CURE}")
        path = self.local / name if self.local is not None else cache / f"shards-{self.fingerprint}" / name
        if self.local is None and not path.is_file():
            content = self._table(name)
            with explained(path):
                path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_file(path) as sibling:
                sibling.write_bytes(content)
        if not path.is_file() or sha256(path) != entry["sha256"]:
            raise DataError(f"{path} is missing or not what was written (its checksum differs); {_CURE}")
        return path

    def _table(self, name: str) -> bytes:
        try:
            return self.read(name)
        except FileNotFoundError as error:
            raise DataError(f"{self.name}/{name} is missing; {_CURE}") from error

    def check_shards(self, split: str) -> None:
        """Check that each shard of a split is there and as long as it was written.

        Raises:
            DataError: one is missing or truncated.
        """
        for name, entry in self.manifest["files"].items():
            if not name.startswith(f"{split}/shard-") or self.local is None:
                continue
            path = self.local / name
            size = path.stat().st_size if path.is_file() else None
            if size != entry["bytes"]:
                found = "nothing" if size is None else f"{size} bytes"
                raise DataError(f"{path}: expected {entry['bytes']} bytes, found {found}; {_CURE}")

    @contextmanager
    def reaching(self, name: str) -> Iterator[None]:
        """Turn what a bucket raises into one clear line; a missing file stays one."""
        try:
            yield
        except FileNotFoundError:
            raise
        except (OSError, pa.ArrowException, *hub.failures()) as error:
            if self.location.startswith("hf://"):
                raise hub.refusal(self.location, error) from error
            raise RemoteError(
                f"{self.name}/{name}: no answer after {_ATTEMPTS} attempts ({_line(error)}); check the network, "
                "the address and your credentials, or copy the folder here and give data.root= that"
            ) from error


def _patient(files: fs.FileSystem, path: str) -> tuple[fs.FileSystem, str]:
    """Give a bucket of S3 time limits: without them a silent one hangs for ever."""
    if not isinstance(files, fs.S3FileSystem):
        return files, path
    limits = dict.fromkeys(("request_timeout", "connect_timeout"), _TIMEOUT_SECONDS)
    retries = fs.AwsStandardS3RetryStrategy(max_attempts=_ATTEMPTS)
    options = {name: value for name, value in files.__reduce__()[1][0].items() if value not in ("", 0)}
    return fs.S3FileSystem(**options | limits, retry_strategy=retries), path


def _line(error: BaseException) -> str:
    return without_credentials(" ".join(str(error).split()))[:200] or type(error).__name__
