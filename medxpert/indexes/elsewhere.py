"""Indexes whose vectors live outside the run: what may be sent to them, and which of them no file names any longer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from medxpert.errors import MedXpertError, RemoteError
from medxpert.folders import MANIFEST, read_json
from medxpert.privacy import may_leave
from medxpert.words import Index

_LOG = logging.getLogger(__name__)


def index_class(manifest: Mapping[str, Any]) -> type[Any]:
    """Return the class that the manifest of an index names."""
    module, name = manifest["index"].rsplit(".", 1)
    made_by: type[Any] = getattr(import_module(module), name)
    return made_by


def admit(index: Index, policy: str, what: str = "data") -> None:
    """Refuse an index that would carry what it is given beyond this machine against its policy.

    Args:
        index: has an attribute `destination` where it is not a file of the run.
        policy: the strictest of what is indexed, or that of a query.
        what: is under that policy.

    Raises:
        RemoteError: the policy forbids it; nothing was sent.
    """
    if not may_leave(policy, getattr(index, "destination", "machine")):
        raise RemoteError(
            f"nothing was sent to the index's server: the {what} is {policy}, and vectors of it stay on this machine; "
            "keep the index here (index=flat, index=ivf, or index=milvus index.uri=cases.db)"
            + (", or say policy=open if it is yours to publish" if what == "query" else "")
        )


def ready(index: Index, policy: str) -> None:
    """Fail before a training where building the index would fail after it.

    Raises:
        RemoteError: the policy forbids it, or nobody listens at a server's address.
        ConfigError: a file cannot be made.
    """
    admit(index, policy)
    if check := getattr(index, "check", None):
        check()


@contextmanager
def replacing(folder: Path, policy: str) -> Iterator[Callable[[Index], Index]]:
    """Yield what every new index of a folder is passed through; drop what the old ones hold once it is replaced.

    Where it is not replaced, what the new ones hold is dropped instead.

    Args:
        folder: of the indexes of a run.
        policy: the strictest of what is indexed.

    Raises:
        RemoteError: the policy forbids an index.
    """
    former, new = _former(folder), list[Any]()

    def admitted(index: Index) -> Index:
        admit(index, policy)
        if hasattr(index, "drop"):  # the others are memory that must go
            new.append(index)
        return index

    try:
        yield admitted
    except BaseException:
        for index in new:
            with suppress(MedXpertError):
                index.drop()
        raise
    for index in former:
        try:
            index.drop()
        except MedXpertError as error:
            _LOG.warning("the former index of %s was not dropped: %s", folder.parent, error)


def _former(folder: Path) -> list[Any]:
    """Return the indexes that a folder's files name and that live elsewhere, not connected."""
    if not (folder / MANIFEST).is_file():
        return []
    try:
        manifest = read_json(folder / MANIFEST)
        if saved := getattr(index_class(manifest), "saved", None):
            files = [folder / file for file in manifest["files"]]
            return [index for file in files if (index := saved(file, folder.parent)) is not None]
    except (MedXpertError, ImportError, AttributeError, KeyError, TypeError, ValueError) as error:
        _LOG.warning("if the former index of %s lived elsewhere, it stays there: %s", folder.parent, error)
    return []
