import json
from copy import deepcopy

import pytest

from medxpert.errors import ConfigError, DataError
from medxpert.folders import verified
from medxpert.models.exchange import formats
from medxpert.models.exchange.formats import FORMATS, check_target, export, find_format
from medxpert.models.exchange.sample import our_rows
from medxpert.models.tiny import clip_tiny


@pytest.fixture
def faithful(monkeypatch, vit):
    """Put a format of one small file in the place of transformers' own."""

    def write(model, folder, fit):
        (folder / "weights").write_text(fit)

    form = FORMATS["hf"]._replace(
        check=lambda size: None, write=write, read=lambda folder, sample: our_rows(vit(), sample)
    )
    monkeypatch.setattr(formats, "FORMATS", {"hf": form})
    return form


def test_formats_are_known_by_name():
    assert set(FORMATS) == {"hf", "open_clip", "onnx"}
    with pytest.raises(ConfigError, match=r"^format is tf; give one of hf, open_clip, onnx"):
        find_format("tf")
    with pytest.raises(ConfigError, match=r"^format is missing; give one of"):
        find_format(None)


def test_a_sealed_folder_with_its_card(faithful, story, tmp_path):
    assert max(export(story(policy="private"), "hf", tmp_path / "out")) == 0
    manifest = verified(tmp_path / "out")
    assert {key: manifest[key] for key in ("export", "policy", "run", "weights")} == {
        "export": "hf",
        "policy": "private",
        "run": "run-1",
        "weights": "f" * 64,
    }
    assert set(manifest["files"]) == {"README.md", "weights"}
    assert (tmp_path / "out" / "weights").read_text() == "pad"


def test_a_model_is_put_into_evaluation(faithful, story, monkeypatch, tmp_path):
    size = {"image_side": 32, "image_widths": (8, 8), "text_width": 32, "text_blocks": 1, "embed_dim": 16}
    model = clip_tiny(**size, vocab_size=600)
    still = deepcopy(model).eval()
    same = faithful._replace(read=lambda folder, sample: our_rows(still, sample))
    monkeypatch.setattr(formats, "FORMATS", {"hf": same})
    assert max(export(story(model=model.train()), "hf", tmp_path / "out")) == 0


def test_how_the_runs_images_were_made_square_goes_on(faithful, story, tmp_path):
    export(story(config={"loader": {"fit": "crop"}}), "hf", tmp_path / "out")
    assert (tmp_path / "out" / "weights").read_text() == "crop"


def test_other_embeddings_leave_nothing(faithful, story, vit, monkeypatch, tmp_path):
    swapped = faithful._replace(read=lambda folder, sample: our_rows(vit(activation="quick_gelu"), sample))
    monkeypatch.setattr(formats, "FORMATS", {"hf": swapped})
    with pytest.raises(DataError, match=r"^transformers computes other embeddings"):
        export(story(), "hf", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_an_unchanged_export_is_replaced(faithful, story, tmp_path):
    export(story(), "hf", tmp_path)
    export(story(name="run-2"), "hf", tmp_path)
    assert json.loads((tmp_path / "manifest.json").read_text())["run"] == "run-2"


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "notes.txt").write_text("mine"),
        lambda folder: (folder / "README.md").write_text("my own card"),
        lambda folder: (folder / "weights").unlink(),
        lambda folder: (folder / "manifest.json").unlink(),
        lambda folder: (folder / "manifest.json").write_text('{"files": {}}'),
    ],
)
def test_what_is_not_ours_stays(faithful, story, tmp_path, change):
    export(story(), "hf", tmp_path)
    change(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(
        ConfigError, match=r"holds what no export wrote, or what was changed since; give another output="
    ):
        export(story(), "hf", tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ConfigError, match=r"give another output="):
        check_target(tmp_path / "file")
    check_target(tmp_path / "new")
    (tmp_path / "empty").mkdir()
    check_target(tmp_path / "empty")
