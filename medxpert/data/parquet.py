"""Tables of pictures and texts in parquet files, on this machine, on the Hugging Face hub or in a bucket."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from medxpert.data import hub
from medxpert.errors import ConfigError, DataError, MedXpertError, RemoteError
from medxpert.images.errors import ImageError
from medxpert.images.files import ImageBytes
from medxpert.privacy import without_credentials

_CACHED_GROUPS = 2
"""Row groups of pictures held in memory, per process; one is 5 to 100 MB in published sets."""
_FOLDER = fs.FileType.Directory
_PART = re.compile(r"(?P<stem>[^/\\]*)-\d+-of-(?P<total>\d+)[^/\\]*$")
_LOCK = threading.Lock()
"""Pictures are also read by the thread that sends them to worker processes."""


@dataclass(frozen=True)
class Shard:
    """One parquet file; opened when something of it is asked for.

    Attributes:
        path: as its file system names it.
        stamp: changes when the content does: size and time of change, or the hub's hash.
        files: where it lies.
    """

    path: str
    stamp: str
    files: fs.FileSystem = field(compare=False, repr=False)

    @cached_property
    def table(self) -> pq.ParquetFile:
        """The open file.

        Raises:
            DataError: this is no parquet file.
            RemoteError: it cannot be fetched.
        """
        with self._reading():
            return pq.ParquetFile(self.files.open_input_file(self.path))

    def group(self, number: int, columns: Sequence[str]) -> pa.Table:
        """Read some columns of one row group.

        Raises:
            DataError: the file is broken.
            RemoteError: it cannot be fetched.
        """
        with self._reading():
            return self.table.read_row_group(number, columns=list(columns))

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except pa.ArrowInvalid as error:
            raise DataError(f"{self.path}: expected a parquet file, found something else ({_line(error)})") from error
        except (pa.ArrowException, *hub.failures()) as error:
            if isinstance(self.files, fs.LocalFileSystem):
                raise DataError(f"{self.path}: cannot be read: {_line(error)}") from error
            raise _refusal(self.path, error) from error


@dataclass(frozen=True, slots=True)
class ParquetImage:
    """The picture in one cell: encoded bytes, or a struct that has them under `bytes` (the hub's Image feature).

    Pickled, it becomes its bytes, so that other processes never open the file.
    """

    shard: Shard
    group: int
    row: int
    column: str
    view: str = ""

    def fingerprint(self) -> str:
        """Tell file, its stamp and the cell; no pixel is read."""
        return f"{self.shard.path}:{self.shard.stamp}:{self.group}:{self.row}:{self.column}"

    def read(self) -> bytes:
        """Return the encoded bytes, empty where the cell is.

        Raises:
            ImageError: this part of the file is broken.
            RemoteError: it cannot be fetched.
        """
        try:
            with _LOCK:
                cell = _pictures(self.shard, self.group, self.column)[self.row].as_py()
        except DataError as error:
            raise ImageError(str(error), "image broken") from error
        return (cell.get("bytes") if isinstance(cell, dict) else cell) or b""

    def __reduce__(self) -> tuple[type[ImageBytes], tuple[bytes, str]]:
        try:
            return ImageBytes, (self.read(), self.view)
        except ImageError:
            return ImageBytes, (b"", self.view)


class TextRow(NamedTuple):
    """Where a row stands, and its texts by column; what is null is ""."""

    shard: Shard
    group: int
    row: int
    texts: dict[str, str]


@lru_cache(_CACHED_GROUPS)
def _pictures(shard: Shard, group: int, column: str) -> pa.ChunkedArray:
    return shard.group(group, [column]).column(column)


def shards(location: str, setting: str) -> list[Shard]:
    """List the parquet files of a place, by name.

    Args:
        location: a file, a folder (files at any depth), `owner/name` on the Hugging Face hub, or a URI: hf://, s3://,
            gs://, file://.
        setting: the flag that names it.

    Raises:
        ConfigError: there is no such place.
        DataError: it holds no parquet file.
        RemoteError: it cannot be reached, or access is refused.
    """
    if Path(location).expanduser().exists():
        found = _local(Path(location).expanduser())
    elif hub.is_dataset(location):
        found = _on_hub(location)
    elif "://" in location:
        found = _at_uri(location, setting)
    else:
        raise ConfigError(f"{setting}={location}: no such file or folder; change {setting}")
    if not found:
        place = without_credentials(location)
        raise DataError(f"{setting}={place}: expected parquet files, found none; change {setting}")
    _check_parts(found)
    return found


def must_have(found: Sequence[Shard], columns: Sequence[str], setting: str) -> None:
    """Check that every file has these columns.

    Raises:
        DataError: one lacks a column, or is no parquet file.
    """
    for shard in found:
        names = shard.table.schema_arrow.names
        absent = [column for column in columns if column not in names]
        if absent:
            known = ", ".join(names)
            raise DataError(f"{shard.path}: expected a column {', '.join(absent)}, found {known}; change {setting}")


def num_rows(found: Sequence[Shard]) -> int:
    """Count the rows of all files."""
    return sum(shard.table.metadata.num_rows for shard in found)


def texts(found: Sequence[Shard], columns: Sequence[str]) -> Iterator[TextRow]:
    """Yield all rows in order; nothing but these columns is read."""
    for shard in found:
        for group in range(shard.table.num_row_groups):
            for row, cells in enumerate(shard.group(group, columns).to_pylist()):
                yield TextRow(shard, group, row, {name: cells[name] or "" for name in columns})


def _local(path: Path) -> list[Shard]:
    paths = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
    files = fs.LocalFileSystem()
    stats = [(one, one.stat()) for one in paths]
    return [Shard(str(one.absolute()), f"{stat.st_size}:{stat.st_mtime_ns}", files) for one, stat in stats]


def _on_hub(location: str) -> list[Shard]:
    folder = hub.downloaded(location)
    if folder is not None:
        return _local(folder)
    files = hub.file_system()
    try:
        listed = list(hub.parquet_files(files, location))
    except hub.failures() as error:
        raise hub.refusal(location, error) from error
    arrow = fs.PyFileSystem(fs.FSSpecHandler(files))
    return [Shard(path, stamp, arrow) for path, stamp in listed]


def _at_uri(location: str, setting: str) -> list[Shard]:
    try:
        files, path = _from_uri(location)
        info = files.get_file_info(path)
        infos = files.get_file_info(fs.FileSelector(path, recursive=True)) if info.type == _FOLDER else [info]
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise ConfigError(f"{setting}={without_credentials(location)}: {_line(error)}; change {setting}") from error
    except OSError as error:
        raise _unreachable(location, error) from error
    if info.type == fs.FileType.NotFound:
        raise ConfigError(f"{setting}={without_credentials(location)}: no such file or folder; change {setting}")
    kept = sorted((one for one in infos if one.path.endswith(".parquet")), key=lambda one: one.path)
    return [Shard(one.path, f"{one.size}:{one.mtime_ns}", files) for one in kept]


def _from_uri(location: str) -> tuple[fs.FileSystem, str]:
    files, path = fs.FileSystem.from_uri(location)
    return files, path


def _check_parts(found: Sequence[Shard]) -> None:
    """Refuse a set of which some parts are not there, such as 00001-of-00002 alone."""
    parts = [match for shard in found if (match := _PART.search(shard.path))]
    for stem in dict.fromkeys(part["stem"] for part in parts):
        own = [part for part in parts if part["stem"] == stem]
        total = int(own[0]["total"])
        if len(own) != total:
            raise DataError(f"{stem}*: expected {total} parts, found {len(own)}; download the others, too")


def _refusal(path: str, error: BaseException) -> MedXpertError:
    return hub.refusal(path, error) if path.startswith("datasets/") else _unreachable(path, error)


def _unreachable(location: str, error: BaseException) -> RemoteError:
    place = without_credentials(location)
    return RemoteError(f"{place}: cannot be fetched ({_line(error)}); check the network and your credentials")


def _line(error: BaseException) -> str:
    return without_credentials(" ".join(str(error).split())) or type(error).__name__
