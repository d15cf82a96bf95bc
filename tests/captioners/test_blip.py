import subprocess
import sys

import numpy as np
import pytest
from captioners.blips import published, small

from medxpert.captioners import hub
from medxpert.captioners.blip import BlipCaptioner
from medxpert.captioners.card import Card, read_card, write_card
from medxpert.captioners.folder import write_captioner
from medxpert.captioners.none import no_captioner
from medxpert.errors import ConfigError, DataError
from medxpert.folders import write_json

PIXELS = np.arange(3 * 32 * 32).reshape(3, 32, 32).astype(np.uint8)


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "outputs" / "mine"
    write_captioner(folder / "captioner", small(), Card("blip_tiny", 32, "credentialed", {"1": 1.5}))
    write_json(folder / "provenance.json", {"kind": "captioner", "policy": "credentialed"})
    return folder


def test_captioner_of_a_run(run, monkeypatch):
    monkeypatch.chdir(run.parents[1])
    captioner = BlipCaptioner(run="mine", num_beams=2, max_words=6)
    assert (captioner.name, captioner.model_id, captioner.image_side) == ("blip", "mine", 32)
    assert (captioner.policy, captioner.trust) == ("credentialed", {1: 1.5})
    captions = captioner(PIXELS)
    assert len(captions) == 3
    assert captions == captioner(PIXELS)
    assert captions[:1] == captioner(PIXELS[:1])


def test_nothing_heavy_is_loaded_before_the_first_image(run):
    code = (
        f"import sys; from medxpert.captioners.blip import BlipCaptioner; BlipCaptioner(run={str(run)!r});"
        "print([name for name in ('torch', 'transformers', 'pytorch_lightning') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("given", "policy"), [(None, "private"), ("open", "open"), ("credentialed", "credentialed"), ("private", "private")]
)
def test_policy_of_a_folder(tmp_path, given, policy):
    published(tmp_path)
    captioner = BlipCaptioner(model=str(tmp_path), policy=given)
    assert (captioner.policy, captioner.trust) == (policy, {})
    assert captioner.model_id == tmp_path.name


@pytest.mark.parametrize(("given", "policy"), [("open", "credentialed"), ("private", "private")])
def test_policy_that_is_known_is_never_loosened(run, given, policy):
    assert BlipCaptioner(run=str(run), policy=given).policy == policy
    assert BlipCaptioner(model=str(run / "captioner"), policy=given).policy == policy


def test_policy_of_an_open_model_of_the_hub(tmp_path, monkeypatch):
    published(tmp_path)
    monkeypatch.setattr(hub, "_files", lambda name, here: tmp_path)
    captioner = BlipCaptioner(model="Salesforce/blip-image-captioning-base")
    assert (captioner.policy, captioner.model_id) == ("open", "Salesforce/blip-image-captioning-base")


def test_model_that_cannot_be_downloaded(monkeypatch):
    def unreachable(address):
        raise OSError("no network")

    monkeypatch.setattr(hub, "_reach", unreachable)
    with pytest.raises(ConfigError, match=r"captioner.model=some/blip could not be downloaded \(no network\)"):
        BlipCaptioner(model="some/blip")


def test_a_folder_never_asks_the_network(tmp_path, monkeypatch):
    published(tmp_path)
    monkeypatch.setattr(hub, "_reach", lambda address: pytest.fail("asked the network"))
    assert BlipCaptioner(model=str(tmp_path), max_words=4)(PIXELS[:1])


def test_changed_run_is_refused(run):
    (run / "captioner" / "config.json").write_text("{}")
    with pytest.raises(DataError, match="checksum differs"):
        BlipCaptioner(run=str(run))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_beams": 0}, "captioner.num_beams=0"),
        ({"max_words": 0}, "captioner.max_words=0"),
        ({"run": "nowhere"}, "captioner.run=nowhere does not exist"),
        ({"model": "/nowhere"}, "captioner.model=/nowhere holds no captioner"),
    ],
)
def test_refused(arguments, message):
    with pytest.raises(ConfigError, match=message):
        BlipCaptioner(**arguments)


def test_unknown_policy(tmp_path):
    published(tmp_path)
    with pytest.raises(ConfigError, match=r"^captioner\.policy: "):
        BlipCaptioner(model=str(tmp_path), policy="secret")


@pytest.mark.parametrize("content", [{"model": "x"}, [], {"model": "x", "image_side": 1, "policy": "secret"}])
def test_broken_card(tmp_path, content):
    write_json(tmp_path / "captioner.json", content)
    with pytest.raises(DataError, match="does not describe a captioner"):
        read_card(tmp_path / "captioner.json")


def test_card_is_read_back(tmp_path):
    card = Card("blip_tiny", 32, "open", {"1": 0.5, "0": -3.0})
    write_card(tmp_path / "captioner.json", card)
    assert read_card(tmp_path / "captioner.json") == card


def test_no_captioner():
    assert no_captioner() is None
