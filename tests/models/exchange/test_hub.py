from typing import ClassVar

import huggingface_hub
import pytest
from huggingface_hub.errors import HFValidationError

from medxpert.errors import ConfigError, RemoteError
from medxpert.models.exchange.hub import permitted, push

TOKEN = {"HF_TOKEN": "hf_secret"}


def test_open_models_may_go_with_a_token():
    assert permitted("my-lab/chest.clip_1", "open", TOKEN) == "hf_secret"


@pytest.mark.parametrize("policy", ["credentialed", "private"])
def test_others_may_not(policy):
    with pytest.raises(RemoteError, match=rf"nothing was sent or written: these weights are {policy}, .* leave push="):
        permitted("my-lab/clip", policy, TOKEN)


@pytest.mark.parametrize("repository", ["clip", "a/b/c", "/clip", "lab/", "../clip", "lab/a clip", "https://hub/x"])
def test_repositories_have_an_owner(repository):
    with pytest.raises(ConfigError, match=r"expected ORG/NAME"):
        permitted(repository, "open", TOKEN)


def test_without_a_token_nothing_begins():
    with pytest.raises(ConfigError, match=r"set HF_TOKEN in the environment"):
        permitted("my-lab/clip", "open", {"HF_TOKEN": ""})


class Hub:
    """Stands for the hub's client and notes what it was asked for."""

    calls: ClassVar[list] = []

    def __init__(self, **options):
        Hub.calls = [options]

    def create_repo(self, name, **options):
        Hub.calls.append((name, options))
        return f"https://hub/{name}"

    def upload_folder(self, **options):
        Hub.calls.append(options)


def test_a_new_repository_is_private(monkeypatch, tmp_path):
    monkeypatch.setattr(huggingface_hub, "HfApi", Hub)
    assert push(tmp_path, "my-lab/clip", "hf_secret") == "https://hub/my-lab/clip"
    client, made, sent = Hub.calls
    assert client["token"] == "hf_secret"
    assert made == ("my-lab/clip", {"private": True, "exist_ok": True})
    assert (sent["repo_id"], sent["folder_path"]) == ("my-lab/clip", tmp_path)


@pytest.mark.parametrize("error", [ConnectionError("hf_secret is away\nmore"), HFValidationError("bad name")])
def test_a_refusal_names_its_reason_and_no_token(monkeypatch, tmp_path, error):
    def refuse(self, **options):
        raise error

    monkeypatch.setattr(Hub, "upload_folder", refuse)
    monkeypatch.setattr(huggingface_hub, "HfApi", Hub)
    with pytest.raises(
        RemoteError, match=r"^push=my-lab/clip failed \((\*\*\* is away|bad name)\); .* is complete"
    ) as told:
        push(tmp_path, "my-lab/clip", "hf_secret")
    assert "hf_secret" not in str(told.value)
