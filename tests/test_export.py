import json

import huggingface_hub
import pytest
import torch
import yaml
from transformers import CLIPModel

from medxpert.folders import write_json
from medxpert.models.architecture import Architecture, Transformer
from medxpert.models.clip import CLIP, open_model
from medxpert.models.tiny import clip_tiny
from medxpert.run import finish_run

SMALL = Architecture(
    "small", 32, 8, 24, Transformer(64, 2, 2), Transformer(32, 2, 1), vocab_size=600, context_length=16
)
FACE = "medxpert/export.py"


def make_run(path, model=None, policy="open", weights_policy="open"):
    torch.manual_seed(0)
    model = model or CLIP(SMALL)
    model.stage, model.policy = "adapted", weights_policy
    model.export(path / "model")
    (path / "config.yaml").write_text(yaml.safe_dump({"model": {"weights": None}, "loader": {}}))
    write_json(path / "metrics.json", {"policy": "open", "looks": {"test": 2}})
    finish_run(path, {"policy": policy, "model": "small", "data": "phantom", "starting_stage": "untrained"})
    return path


@pytest.fixture
def no_hub(monkeypatch):
    """Fail where anybody so much as asks for the hub."""
    monkeypatch.setattr(huggingface_hub, "HfApi", None)
    monkeypatch.setenv("HF_TOKEN", "hf_secret")


def test_a_run_becomes_a_folder_of_another_library(command, tmp_path, no_hub):
    run = make_run(tmp_path / "run")
    done = command(FACE, f"run={run}", "format=hf", "output=out")
    assert done.status == 0, done.err
    assert done.out.startswith("transformers computes the same embeddings: largest difference ")
    assert "Policy: open. Research use only, not for diagnosis." in done.out
    theirs = CLIPModel.from_pretrained(tmp_path / "out")
    ours = open_model(run / "model")
    assert torch.equal(theirs.text_projection.weight, ours.text.projection.T)
    card = (tmp_path / "out" / "README.md").read_text()
    assert "- the split test: never trained on; looked at 2 times" in card
    assert "- training started from: random weights" in card
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["output=out"], 2, "format is missing; give one of hf, open_clip, onnx"),
        (["format=tf", "output=out"], 2, "format is tf; give one of hf, open_clip, onnx"),
        (["format=hf"], 2, "output= is missing; say where the model goes"),
        (["format=hf", "output=run"], 2, "holds what no export wrote"),
        (["format=hf", "output=out", "run=nowhere"], 2, "run=nowhere does not exist"),
        (["format=hf", "output=out", "push=clip"], 2, "push=clip: expected ORG/NAME"),
        (["format=hf", "output=out", "weights=x"], 2, "weights"),
    ],
)
def test_flags_that_cannot_be_honoured(command, tmp_path, no_hub, arguments, status, message):
    make_run(tmp_path / "run")
    done = command(FACE, "run=run", *arguments)
    assert done.status == status
    assert message in done.err
    assert done.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_convolutional_tower_is_refused_with_the_way_out(command, tmp_path):
    size = {"image_side": 32, "image_widths": (8, 8), "text_width": 32, "text_blocks": 1, "embed_dim": 16}
    make_run(tmp_path / "run", clip_tiny(**size, vocab_size=600))
    for form in ("hf", "open_clip"):
        done = command(FACE, "run=run", f"format={form}", "output=out")
        assert done.status == 2
        assert "convolutional image tower" in done.err
        assert "format=onnx" in done.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("damage", ["missing", "no card", "changed"])
def test_a_run_without_a_sound_model(command, tmp_path, damage):
    model = make_run(tmp_path / "run") / "model"
    if damage == "changed":
        weights = model / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:-4] + b"0000")
    else:
        (model / ("model.json" if damage == "no card" else "model.safetensors")).unlink()
    done = command(FACE, "run=run", "format=hf", "output=out")
    assert done.status == 3
    assert str(model) in done.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("run_policy", "weights_policy"), [("credentialed", "open"), ("open", "credentialed"), ("private", "open")]
)
def test_what_is_not_open_is_not_pushed(command, tmp_path, no_hub, run_policy, weights_policy):
    make_run(tmp_path / "run", policy=run_policy, weights_policy=weights_policy)
    done = command(FACE, "run=run", "format=hf", "output=out", "push=my-lab/clip")
    assert done.status == 4
    assert "push=my-lab/clip: nothing was sent or written" in done.err
    assert not (tmp_path / "out").exists()


def test_a_push_sends_the_folder_that_was_written(command, tmp_path, monkeypatch):
    sent = {}

    class Hub:
        def __init__(self, **options):
            sent["token"] = options["token"]

        def create_repo(self, name, **options):
            return f"https://hub/{name}"

        def upload_folder(self, folder_path, **options):
            sent["manifest"] = json.loads((folder_path / "manifest.json").read_text())

    monkeypatch.setattr(huggingface_hub, "HfApi", Hub)
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    make_run(tmp_path / "run")
    done = command(FACE, "run=run", "format=open_clip", "output=out", "push=my-lab/clip")
    assert done.status == 0, done.err
    assert sent["token"] == "hf_secret"
    assert sent["manifest"]["export"] == "open_clip"
    assert "pushed to https://hub/my-lab/clip; private until its owner opens it" in done.out
    assert "hf_secret" not in done.out + done.err
