"""Data sets on the Hugging Face hub: what is there, and what to do when it cannot be had."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from medxpert.errors import ConfigError, MedXpertError, RemoteError

_ID = re.compile(r"(?:hf://)?(?:datasets/)?(?P<id>[\w-][\w.-]*/[\w-][\w.-]*)(?P<rest>(?:@[^/]+)?(?:/.*)?)")


def is_dataset(location: str) -> bool:
    """Tell whether a text names a data set of the hub: `owner/name`, or hf://datasets/owner/name and what follows."""
    match = _ID.fullmatch(location)
    return match is not None and (location.startswith("hf://") or location == match["id"])


def name_of(location: str) -> str:
    """Return the `owner/name` of what `is_dataset` accepts, or of a path in the hub's file system."""
    match = _ID.fullmatch(location)
    return match["id"] if match else location


def file_system() -> Any:
    """Return the hub as an fsspec file system; HF_TOKEN opens what is gated."""
    from huggingface_hub import HfFileSystem

    return HfFileSystem()


def parquet_files(files: Any, location: str) -> Iterator[tuple[str, str]]:
    """Yield path and stamp of the parquet files of a data set, by name.

    Args:
        files: what `file_system` returns.
        location: as for `is_dataset`.
    """
    match = _ID.fullmatch(location)
    top = f"datasets/{name_of(location)}{match['rest'] if match else ''}"
    for path, info in sorted(files.find(top, detail=True).items()):
        if path.endswith(".parquet"):
            yield path, f"{info.get('size')}:{info.get('blob_id') or info.get('etag') or ''}"


def downloaded(location: str) -> Path | None:
    """Return the folder into which `hf download` put a data set, where HF_HUB_OFFLINE forbids to ask the hub.

    Returns:
        None where the hub may be asked.

    Raises:
        ConfigError: it may not, and the cache does not hold the data set.
    """
    from huggingface_hub import constants, snapshot_download

    if not constants.HF_HUB_OFFLINE:
        return None
    try:
        return Path(snapshot_download(name_of(location), repo_type="dataset", local_files_only=True))
    except failures() as error:
        raise refusal(location, error) from error


def failures() -> tuple[type[Exception], ...]:
    """Return what the hub's client raises."""
    from huggingface_hub import errors

    return OSError, ValueError, errors.HTTPError, errors.EntryNotFoundError


def refusal(location: str, error: BaseException) -> MedXpertError:
    """Say in one line why a data set cannot be read and what to do.

    Returns:
        A ConfigError where there is no such data set, or nobody may ask for it; a RemoteError where the hub refuses
        access or does not answer.
    """
    from huggingface_hub import errors

    name = name_of(location)
    chain = list(_causes(error))
    if _any(chain, errors.GatedRepoError) or (_refused(chain) and not _any(chain, errors.RepositoryNotFoundError)):
        page = f"https://huggingface.co/datasets/{name}"
        return RemoteError(
            f"{name}: access is restricted; accept the terms at {page}, then set HF_TOKEN to a token of that account"
        )
    if _any(chain, errors.OfflineModeIsEnabled, errors.LocalEntryNotFoundError):
        return ConfigError(
            f"{name} is not in the cache and HF_HUB_OFFLINE is set; unset it, or where there is a network run: "
            f"hf download --repo-type dataset {name}"
        )
    if _any(chain, FileNotFoundError, ValueError, errors.RepositoryNotFoundError, errors.EntryNotFoundError):
        return ConfigError(
            f"{name}: no such file or folder here, and no such data set on the hub that your HF_TOKEN may see; "
            "change data.dataset"
        )
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return RemoteError(
        f"{name}: the hub did not answer ({reason}); try again, or download the data set and give data.dataset= "
        "the folder"
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _any(chain: list[BaseException], *kinds: type[BaseException]) -> bool:
    return any(isinstance(one, kinds) for one in chain)


def _refused(chain: list[BaseException]) -> bool:
    return any(getattr(getattr(one, "response", None), "status_code", None) in (401, 403) for one in chain)
