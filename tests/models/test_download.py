import io
import logging
import urllib.error
from pathlib import Path

import pytest

from medxpert.errors import ConfigError
from medxpert.models import download
from medxpert.models.architecture import published_architecture
from medxpert.models.checkpoint import read_checkpoint


def test_unknown_tags_list_the_known():
    with pytest.raises(ConfigError, match=r"opnai is neither a path nor a tag of ViT-B-32-quickgelu; .* openai"):
        read_checkpoint("opnai", published_architecture("ViT-B-32-quickgelu"))


def test_no_network_says_what_to_give(monkeypatch, caplog):
    def refuse(*arguments, **options):
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(download, "_cached", lambda config: None)
    monkeypatch.setattr(download.urllib.request, "urlopen", refuse)
    with (
        caplog.at_level(logging.INFO),
        pytest.raises(ConfigError, match=r"model\.weights=openai could not be downloaded .*no route") as caught,
    ):
        read_checkpoint("openai", published_architecture("ViT-B-32-quickgelu"))
    assert "a MedXpert run" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_any_answer_of_the_hub_will_do(monkeypatch):
    def forbid(request, timeout):
        raise urllib.error.HTTPError(request.full_url, 405, "no", {}, io.BytesIO())

    monkeypatch.setattr(download.urllib.request, "urlopen", forbid)
    monkeypatch.setattr("open_clip.pretrained.download_pretrained", lambda config: "weights.bin")
    assert download._fetched({"hf_hub": "some/model/"}) == Path("weights.bin")
