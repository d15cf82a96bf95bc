import csv
import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from medxpert.callbacks.averaging import MovingAverage
from medxpert.callbacks.captions import CaptionQuality
from medxpert.captioners.blip import BlipCaptioner
from medxpert.captioning import LateTokenizer, check, check_loader, refuse_idle, texts_of
from medxpert.errors import ConfigError, DataError
from medxpert.folders import verified, write_json
from medxpert.run import LATEST, finish_run, open_caption_run, open_run, point_latest

SMALL = (
    "model=blip_tiny",
    "data.num_studies=60",
    "data.side=64",
    "model.image_side=64",
    "model.stem_widths=[8,8]",
    "model.width=32",
    "model.text_blocks=1",
    "trainer.max_epochs=2",
    "trainer.precision=32",
    "loader.batch_size=16",
    "callbacks.captions.num_studies=3",
    "callbacks.captions.num_beams=1",
    "callbacks.captions.max_words=8",
)


def test_what_means_nothing_is_refused_at_once():
    idle = ["++loss.temperature=1", "pretrain=shapes", "++module.layer_decay=0.9", "index=flat"]
    with pytest.raises(ConfigError, match="has no loss, index, pretrain, module: leave out") as refused:
        refuse_idle(["model=blip_tiny", *idle, "++optimizer.lr=1"])
    assert all(one.lstrip("+") in str(refused.value) for one in idle)
    assert "optimizer" not in str(refused.value)
    refuse_idle(["model=blip_tiny", "pretrain=null", "++seed=1", "++indexed=2"])


def test_groups_are_refused_by_the_command(command):
    outcome = command("train.py", *SMALL, "loss=sigmoid")
    assert outcome.status == 2
    assert outcome.err.strip().endswith("leave out loss=sigmoid, or choose model=clip_...")
    assert len(outcome.err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"images": "two"}, "loader.images=two"),
        ({"text": "two_sections"}, "loader.text=two_sections"),
        ({"chunk_size": 4}, "loader.chunk_size=4"),
    ],
)
def test_loaders_that_a_captioner_has_no_use_for(settings, message):
    plain = {"images": "first", "text": "longest", "chunk_size": None}
    with pytest.raises(ConfigError, match=message):
        check_loader(SimpleNamespace(**(plain | settings)))
    check_loader(SimpleNamespace(**plain))


def test_callbacks():
    quality = CaptionQuality(lambda said, cases: {})
    assert check(SimpleNamespace(strategy=None, callbacks=[quality])) is quality
    for callbacks, message in (([], "callbacks.captions is missing"), ([quality, MovingAverage()], "callbacks=ema")):
        with pytest.raises(ConfigError, match=message):
            check(SimpleNamespace(strategy=None, callbacks=callbacks))


def test_words_come_from_both_sections():
    reports = SimpleNamespace(findings=["a", " "], impressions=["", "b"])
    assert texts_of(SimpleNamespace(stores={"train": SimpleNamespace(reports=reports)})) == ["a", "b"]


def test_late_tokenizer():
    late = LateTokenizer()
    late.tokens = len
    assert late(["a", "b"]) == 2


def test_pointers_of_encoders_and_captioners_stay_apart(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, kind in (("one", {}), ("two", {"kind": "captioner"})):
        (tmp_path / "outputs" / name).mkdir(parents=True)
        finish_run(tmp_path / "outputs" / name, {"policy": "open", **kind})
    assert open_run(LATEST).path.name == "one"
    assert open_caption_run("latest_caption").path.name == "two"
    point_latest(tmp_path / "outputs" / "two")  # as a sweep does
    assert open_run(LATEST).path.name == "one"
    with pytest.raises(ConfigError, match="run=latest_caption is a run of a captioner, which embeds nothing"):
        open_run("latest_caption")
    with pytest.raises(ConfigError, match=r"captioner\.run=latest is a run of an encoder, which writes no captions"):
        open_caption_run(LATEST)


def test_pointer_in_a_text_file_and_unfinished_run(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "latest_caption").write_text("run")
    with pytest.raises(DataError, match="is not complete"):
        open_caption_run("latest_caption", tmp_path)
    write_json(tmp_path / "run" / "provenance.json", {"kind": "captioner"})
    assert open_caption_run("latest_caption", tmp_path).path == tmp_path / "run"


@pytest.fixture(scope="module")
def trained(tmp_path_factory, script) -> Path:
    folder = tmp_path_factory.mktemp("captions")
    outcome = script(folder, "train.py", *SMALL)
    assert outcome.status == 0, outcome.err[-4000:]
    return folder


@pytest.mark.slow
def test_train_makes_a_run_that_writes_captions(trained):
    outputs = trained / "outputs"
    run = open_caption_run("latest_caption", outputs)
    assert not (outputs / LATEST).exists()
    assert verified(run.captioner)["policy"] == "open"
    assert run.provenance["starting_stage"] == "untrained"
    figures = json.loads((run.path / "metrics.json").read_text())["captions"]["val"]
    assert set(figures["agreement"]) >= {"captioner", "all normal", "captioner - most frequent"}
    assert Image.open(run.path / "samples.png").size[0] > 500
    with (run.path / "captions.csv").open(newline="") as file:
        assert [row["policy"] for row in csv.DictReader(file)] == ["open"] * run.provenance["studies"]["val"]
    columns = (run.path / "logs" / "metrics.csv").read_text().splitlines()[0]
    assert {"val/loss", "val/label_f1", "val/bleu4", "val/rouge_l"} <= set(columns.split(","))
    captioner = BlipCaptioner(run=str(run.path), max_words=4)
    assert captioner.image_side == 64


@pytest.mark.slow
def test_other_commands_refuse_it_in_one_line(trained, script):
    for name in ("evaluate.py", "infer.py"):
        outcome = script(trained, name, "run=latest_caption", *(["query=effusion"] if name == "infer.py" else []))
        assert outcome.status == 2
        assert "is a run of a captioner, which embeds nothing" in outcome.err
        assert len(outcome.err.strip().splitlines()) == 1


@pytest.mark.slow
def test_weights_of_a_run_and_of_a_published_blip(trained, script, tmp_path):
    folder = (trained / "outputs" / "latest_caption").resolve()
    for model in ("blip_tiny", "blip_base"):
        arguments = (f"model={model}", f"model.weights={folder}", "model.freeze.image_blocks=1", "trainer.max_epochs=1")
        outcome = script(tmp_path, "train.py", *arguments, *SMALL[1:3], *SMALL[8:])
        assert outcome.status == 0, outcome.err[-4000:]
    run = open_caption_run("latest_caption", tmp_path / "outputs")
    assert run.provenance["starting_stage"] == "adapted"


@pytest.mark.slow
def test_interrupted_training_goes_on(script, tmp_path):
    """The first training ends at a step; its checkpoint and configuration are all that the second one has."""
    arguments = ("trainer.max_steps=3", "callbacks.last.minutes=0", "hydra.run.dir=run")
    assert script(tmp_path, "train.py", *SMALL, *arguments).status == 0
    (tmp_path / "run" / "provenance.json").unlink()
    config = tmp_path / "run" / "config.yaml"
    config.write_text(config.read_text().replace("max_steps: 3", "max_steps: -1"))
    outcome = script(tmp_path, "train.py", "resume=run")
    assert outcome.status == 0, outcome.err[-4000:]
    provenance = open_caption_run(tmp_path / "run").provenance
    assert provenance["steps"] == 6
    assert provenance["training_seconds"] is None
