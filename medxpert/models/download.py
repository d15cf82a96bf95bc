"""Published CLIP weights by open_clip's tag: from the local cache, else from the network."""

from __future__ import annotations

import logging
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, NamedTuple

from medxpert.errors import ConfigError
from medxpert.models.architecture import Architecture, check_activation, plain_name

_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
_PATIENCE_SECONDS = 10


class Published(NamedTuple):
    """A downloaded file and the pixel normalisation that its weights were trained with."""

    path: Path
    mean: tuple[float, ...]
    std: tuple[float, ...]


def download(tag: str, architecture: Architecture, accepted: str) -> Published:
    """Fetch the weights that open_clip knows under this tag.

    Args:
        tag: such as openai or laion2b_s34b_b79k.
        architecture: a published one; it must have the activation that the weights were trained with.
        accepted: the local forms, for the message.

    Raises:
        ConfigError: the tag is unknown for this architecture, the activation differs, or the network is away.
    """
    from open_clip import pretrained

    name = plain_name(architecture.name)
    config = pretrained.get_pretrained_cfg(name, tag)
    if not config:
        tags = ", ".join(pretrained.list_pretrained_tags_by_model(name)) or "none"
        raise ConfigError(
            f"model.weights={tag} is neither a path nor a tag of {architecture.name}; "
            f"its tags are {tags}; a path is {accepted}"
        )
    check_activation("quick_gelu" if config.get("quick_gelu") else "gelu", architecture, tag)
    try:
        path = _cached(config) or _fetched(config)
    except OSError as error:
        raise ConfigError(
            f"model.weights={tag} could not be downloaded ({_line(error)}); without a network give model.weights= "
            f"{accepted}, or model.weights=null for random weights"
        ) from error
    return Published(path, tuple(config.get("mean", architecture.mean)), tuple(config.get("std", architecture.std)))


def _cached(config: dict[str, Any]) -> Path | None:
    """Look into the local cache first: without a network, asking the hub takes its client most of a minute."""
    from huggingface_hub import try_to_load_from_cache

    repository, _, file = config.get("hf_hub", "").rpartition("/")
    for name in (file,) if file else _FILES:
        found = try_to_load_from_cache(repository, name) if repository else None
        if isinstance(found, str):
            return Path(found)
    return None


def _fetched(config: dict[str, Any]) -> Path:
    from huggingface_hub import constants
    from open_clip.pretrained import download_pretrained

    logging.getLogger(__name__).info("downloading %s", config.get("hf_hub") or config.get("url"))
    if config.get("hf_hub"):
        _reach(constants.ENDPOINT)
    return Path(download_pretrained(config))


def _reach(address: str) -> None:
    """Ask once whether the hub answers at all; any answer will do."""
    request = urllib.request.Request(address, method="HEAD")
    try:
        urllib.request.urlopen(request, timeout=_PATIENCE_SECONDS).close()
    except urllib.error.HTTPError as answer:
        answer.close()


def _line(error: OSError) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
