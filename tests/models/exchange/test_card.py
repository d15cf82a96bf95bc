import pytest
import yaml

from medxpert.folders import sha256
from medxpert.models.exchange.card import write_card
from medxpert.models.exchange.sample import Differences

PROVENANCE = {
    "model": "clip_b32",
    "data": "shards",
    "studies": {"train": 80, "val": 10, "test": 12},
    "rejected": 3,
    "steps": 504,
    "seed": 7,
    "starting_stage": "pretrained",
    "leaks": {"patients": 0, "images": 2},
    "version": "0.1.0",
    "commit": "abc",
    "finished": "2026-01-02T03:04:05+00:00",
    "packages": {"torch": "2.9"},
    "stores": {"train": "aa11"},
    "policy": "credentialed",
}
METRICS = {"looks": {"test": 5}}


@pytest.fixture
def card(story, tmp_path):
    def write(form="hf", **changes):
        (tmp_path / "weights.bin").write_bytes(b"0123")
        write_card(story(**changes), form, Differences(1.5e-7, 2e-8), tmp_path)
        return (tmp_path / "README.md").read_text()

    return write


def test_tells_what_the_run_says(card, tmp_path):
    config = {"model": {"weights": "laion2b_s34b_b79k"}}
    text = card(policy="credentialed", provenance=PROVENANCE, config=config, metrics=METRICS)
    for line in (
        "# clip_b32 adapted to shards",
        "**Research use only, not for diagnosis.** Policy of these weights: credentialed.",
        "- studies: 80 train, 10 val, 12 test",
        "- training started from: weights from elsewhere (open_clip's laion2b_s34b_b79k)",
        "- data that the starting weights have seen: not recorded",
        "- the split test: never trained on; looked at 5 times",
        "- shared by two splits: 0 patients, 2 images",
        "- MedXpert: 0.1.0, commit abc",
        "- fingerprints of the data: train `aa11`",
        f"| weights.bin | 4 | `{sha256(tmp_path / 'weights.bin')}` |",
        f"- weights in the run (sha256): `{'f' * 64}`",
    ):
        assert line in text.splitlines()
    assert "1.5e-07 (images) and 2.0e-08 (texts)" in text


@pytest.mark.parametrize(("form", "library"), [("hf", "transformers"), ("open_clip", "open_clip"), ("onnx", "onnx")])
def test_front_matter(card, form, library):
    head = yaml.safe_load(card(form, policy="private").split("---\n")[1])
    assert (head["license"], head["license_name"]) == ("other", "medxpert-policy-private")
    assert head["library_name"] == library


def test_what_is_not_known_is_not_recorded(card):
    text = card()
    for line in (
        "# not recorded adapted to not recorded",
        "- studies: not recorded",
        "- seed: not recorded",
        "- training started from: not recorded",
        "- the split test: not recorded",
        "- MedXpert: not recorded, commit not recorded",
        "- fingerprints of the data: not recorded",
    ):
        assert line in text.splitlines()
    assert text.split("## Figures\n\n")[1].startswith("not recorded\n")
    assert "$" not in text


@pytest.mark.parametrize("weights", ["/home/jane.doe/run", "../runs/best.pt"])
def test_paths_of_a_machine_stay_on_it(card, weights):
    text = card(config={"model": {"weights": weights}, "data": {"root": "/data/jane.doe"}}, provenance=PROVENANCE)
    assert "(local files)" in text
    assert "jane" not in text
    assert weights not in text


def test_pretraining_is_exposure(card):
    known = {**PROVENANCE, "pretrained": {"sources": "open_i", "policy": "open"}}
    text = card(provenance=known)
    assert "- pretrained before that on: open_i, open" in text
    assert "data that the starting weights have seen" not in text
