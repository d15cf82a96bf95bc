"""Pushing an exported folder to the Hugging Face hub: open models only."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from httpx2 import HTTPError

from medxpert.errors import ConfigError, RemoteError
from medxpert.privacy import may_leave

TOKEN = "HF_TOKEN"
_REPOSITORY = re.compile(r"[\w-][\w.-]{0,95}/[\w-][\w.-]{0,95}", re.ASCII)


def permitted(repository: str, policy: str, environment: Mapping[str, str] = os.environ) -> str:
    """Decide, before anything is sent, whether a model of this policy may be pushed; return the token for it.

    Raises:
        ConfigError: the repository is not named ORG/NAME, or there is no token.
        RemoteError: the policy forbids it.
    """
    if not _REPOSITORY.fullmatch(repository):
        raise ConfigError(f"push={repository}: expected ORG/NAME, such as push=my-lab/chest-clip")
    if not may_leave(policy, "hub"):
        raise RemoteError(
            f"push={repository}: nothing was sent or written: these weights are {policy}, and only open ones may be "
            "published; leave push= out to export to this machine"
        )
    if not environment.get(TOKEN):
        raise ConfigError(f"push={repository} needs a token that may write there; set {TOKEN} in the environment")
    return environment[TOKEN]


def push(folder: Path, repository: str, token: str) -> str:
    """Upload an exported folder; a repository that does not exist is made, private until its owner opens it.

    Returns:
        Where it can be looked at.

    Raises:
        RemoteError: the hub refused, or cannot be reached.
    """
    from huggingface_hub import HfApi

    hub = HfApi(token=token, library_name="medxpert")
    try:
        place = hub.create_repo(repository, private=True, exist_ok=True)
        hub.upload_folder(repo_id=repository, folder_path=folder, commit_message="Export of MedXpert")
    except (HTTPError, OSError, ValueError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0].replace(token, "***")
        raise RemoteError(
            f"push={repository} failed ({reason}); {folder} is complete: push it again when the hub answers and "
            f"{TOKEN} may write there"
        ) from error
    return str(place)
