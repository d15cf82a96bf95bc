import json

import numpy as np
import pytest
import torch
from captioners.blips import TEXTS, WORDS, published, small
from safetensors.torch import load_file, save_file

from medxpert.captioners.card import Card, read_card
from medxpert.captioners.folder import opened, write_captioner
from medxpert.errors import DataError
from medxpert.folders import verified

CARD = Card("blip_tiny", 32, "credentialed", {"1": 1.5, "0": -2.0})
PIXELS = torch.arange(2 * 32 * 32).reshape(2, 32, 32).remainder(251).to(torch.uint8)


@pytest.fixture
def written(tmp_path):
    model = small().eval()
    write_captioner(tmp_path / "captioner", model, CARD)
    return model, tmp_path / "captioner"


def test_round_trip(written):
    model, folder = written
    again = opened(folder)
    weights = model.state_dict()
    assert again.state_dict().keys() == weights.keys()
    assert all(torch.equal(weight, weights[name]) for name, weight in again.state_dict().items())
    assert torch.equal(again.mean, model.mean)
    assert torch.equal(again.std, model.std)
    assert np.array_equal(again.tokenizer(TEXTS), model.tokenizer(TEXTS))
    assert again.captions(PIXELS, 2, 8) == model.captions(PIXELS, 2, 8)
    assert (again.policy, again.stage) == ("credentialed", "adapted")
    assert read_card(folder / "captioner.json").odds() == {1: 1.5, 0: -2.0}
    assert verified(folder)["policy"] == "credentialed"


@pytest.mark.parametrize("change", ["lacks", "holds too much"])
def test_weights_are_strict(written, change):
    path = written[1] / "model.safetensors"
    weights = load_file(path)
    if change == "lacks":
        del weights["vision_model.post_layernorm.weight"]
    else:
        weights["vision_model.other"] = torch.zeros(2)
    save_file(weights, path, {"format": "pt"})
    with pytest.raises(DataError, match=change):
        opened(written[1])


def test_weights_of_another_shape(written):
    config = written[1] / "config.json"
    values = json.loads(config.read_text())
    values["vision_config"]["stem_widths"] = [8, 16]
    config.write_text(json.dumps(values))
    with pytest.raises(DataError, match=r"does not hold the weights|another shape"):
        opened(written[1])


def test_no_safetensors(written):
    (written[1] / "model.safetensors").rename(written[1] / "pytorch_model.bin")
    with pytest.raises(DataError, match="read from safetensors only"):
        opened(written[1])


def test_half_a_file(written):
    path = written[1] / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(DataError, match="does not hold the weights"):
        opened(written[1])


def test_published_blip_opens_with_its_own_normalisation(tmp_path):
    network = published(tmp_path, extra={"text_decoder.bert.embeddings.position_ids": torch.arange(16)[None]})
    model = opened(tmp_path)
    assert model.mean.flatten().tolist() == pytest.approx([0.1, 0.2, 0.3])
    assert model.tokenizer(["no effusion ."]).tolist() == [[len(WORDS), 4, 6, 8, 3]]
    assert (model.policy, model.stage, model.image_side) == ("open", "pretrained", 32)
    assert torch.equal(
        model.network.state_dict()["vision_model.post_layernorm.weight"],
        network.state_dict()["vision_model.post_layernorm.weight"],
    )


def test_foreign_vocabulary(tmp_path):
    published(tmp_path, words=[*WORDS, "more", "and", "more still"])
    with pytest.raises(DataError, match="another vocabulary than the model: expected 11 tokens"):
        opened(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"model_type": "clip"}', "is no BLIP: expected model_type blip in config.json, found clip"),
        ("{}", "is no BLIP"),
        ("[]", "holds no JSON object"),
        ("{", "is missing or no JSON"),
        ('{"model_type": "blip", "text_config": {"hidden_size": "wide"}}', "does not describe a BLIP"),
    ],
)
def test_no_blip(tmp_path, content, message):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(DataError, match=message):
        opened(tmp_path)
