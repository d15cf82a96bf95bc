"""Where the files of a BLIP are: in a folder, a run, the hub's cache, else on the network. No torch."""

from __future__ import annotations

import logging
import re
import urllib.error
import urllib.request
from pathlib import Path

from medxpert.captioners.config import CONFIG, PREPROCESSOR, WEIGHTS, located
from medxpert.captioners.tokens import TOKENIZER
from medxpert.errors import ConfigError

_FILES = (CONFIG, TOKENIZER, PREPROCESSOR, WEIGHTS)
_ID = re.compile(r"[\w.-]+/[\w.-]+")
_HUB, _PATIENCE_SECONDS = "https://huggingface.co", 10
log = logging.getLogger(__name__)


def is_id(name: str) -> bool:
    """Tell whether a name is that of a model on the hub and of no folder here."""
    return _ID.fullmatch(name) is not None and not Path(name).exists() and not (Path("outputs") / name).exists()


def folder_of(name: str, key: str) -> Path:
    """Return the folder of a model that is named by a folder, a run or an id of the hub.

    A model that lies in the hub's cache is not asked for.

    Raises:
        ConfigError: there is no such folder, or the model cannot be downloaded; the message names `key`.
    """
    return _downloaded(name, key) if is_id(name) else located(name, key)


def _downloaded(name: str, key: str) -> Path:
    cached = _files(name, here=True)
    if cached is not None:
        return cached
    try:
        _reach(_HUB)
        log.info("downloading %s", name)
        found = _files(name, here=False)
    except OSError as error:
        reason = " ".join(str(error).split())[:200]
        raise ConfigError(
            f"{key}={name} could not be downloaded ({reason}); without a network copy its folder here and give {key}= "
            "that folder"
        ) from error
    if found is None:
        raise ConfigError(f"{key}={name} has not all of {', '.join(_FILES)} on the hub; give {key}= another model")
    return found


def _files(name: str, here: bool) -> Path | None:
    """Return the folder of the hub's cache that holds every file of a model."""
    from transformers.utils import cached_file

    found = []
    for file in _FILES:
        try:
            path = cached_file(name, file, local_files_only=here, _raise_exceptions_for_missing_entries=False)
        except OSError:
            if not here:
                raise
            return None
        if path is None:
            return None
        found.append(Path(path).parent)
    return found[0]


def _reach(address: str) -> None:
    """Ask once whether the hub answers: without a network its own client tries for most of a minute."""
    request = urllib.request.Request(address, method="HEAD")
    try:
        urllib.request.urlopen(request, timeout=_PATIENCE_SECONDS).close()
    except urllib.error.HTTPError as answer:
        answer.close()
