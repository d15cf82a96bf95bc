"""Every fault that a user can bring ends in one clear line and the exit status of who must act."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from signal import SIGINT, SIGTERM, getsignal
from signal import signal as set_signal

import numpy as np
import PIL.Image
import pytest

from medxpert.module import ContrastiveModule

Prepare = Callable[[Path], object]
NUM_PAIRS = 30


def errors(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("error: ")]


def picture(path: Path, level: int = 0) -> Path:
    noise = np.random.default_rng(level).integers(0, 255, (64, 64), dtype=np.uint8)
    PIL.Image.fromarray(noise).save(path)
    return path


def truncated(path: Path) -> None:
    data = picture(path).read_bytes()
    path.write_bytes(data[: len(data) // 2])


def huge(path: Path) -> None:
    PIL.Image.new("1", (20_000, 20_000)).save(path)


IMAGES: dict[str, tuple[Prepare, str]] = {
    "missing": (lambda path: None, "x.png"),
    "truncated": (truncated, "truncated"),
    "zero bytes": (lambda path: path.touch(), "found 0 bytes"),
    "text": (lambda path: path.write_text("not an image"), "x.png"),
    "huge": (huge, "20000 x 20000"),
    "folder": (lambda path: path.mkdir(), "folder"),
}


@pytest.mark.parametrize(("prepare", "message"), IMAGES.values(), ids=IMAGES.keys())
def test_image_for_infer(project, tmp_path, command, prepare, message):
    prepare(tmp_path / "x.png")
    outcome = command("infer.py", f"image={tmp_path / 'x.png'}", cwd=project)
    assert outcome.status == 3
    (line,) = errors(outcome.err)
    assert line.startswith(f"error: image={tmp_path / 'x.png'}: ")
    assert message in line


def test_prior_for_infer(project, tmp_path, command):
    truncated(tmp_path / "x.png")
    sample = project / "outputs" / "latest" / "samples" / "sample_1.png"
    outcome = command("infer.py", f"run={sample.parents[1]}", f"image={sample}", "prior=./x.png")
    assert outcome.status == 3
    (line,) = errors(outcome.err)
    assert line.startswith("error: prior=./x.png: image file is truncated")


QUERIES = {
    "neither": ((), "give one of image=FILE, images=FOLDER, query="),
    "empty": (("query=",), "query= is empty"),
    "zero": (("query=a", "top_k=0"), "top_k=0 lies outside 1.."),
    "beyond": (("query=a", "top_k=1000000"), "top_k=1000000 lies outside 1.."),
    "word": (("query=a", "top_k=many"), "top_k"),
    "match": (("query=a", "match=all"), "match=all: expected image, text or both"),
    "label": (("query=a", "filter.label=Flu"), "filter.label=Flu: expected one of No Finding"),
    "policy": (("query=a", "policy=foo"), "private, found 'foo'; change policy"),
    "filter": (("query=a", "filter.veiw=PA"), "did you mean 'view'"),
    "typo": (("qurey=a",), "did you mean 'query'"),
    "run": (("query=a", "run=gone"), "run=gone does not exist"),
    "nothing passes": (("query=a", "filter.split=test"), "no indexed case passes filter.split=test"),
}


@pytest.mark.parametrize(("arguments", "message"), QUERIES.values(), ids=QUERIES.keys())
def test_query_for_infer(project, command, arguments, message):
    outcome = command("infer.py", *arguments, cwd=project)
    assert outcome.status == 2
    (line,) = errors(outcome.err)
    assert message in line


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def other_encoder(run: Path) -> None:
    manifest = json.loads((run / "index" / "manifest.json").read_text())
    (run / "index" / "manifest.json").write_text(json.dumps(manifest | {"encoder": "0" * 64}))


RUNS: dict[str, tuple[Prepare, str]] = {
    "killed half-way": (lambda run: (run / "provenance.json").unlink(), "is not complete"),
    "other encoder": (other_encoder, "rebuild it: python -m medxpert.embed run="),
    "flipped byte in the index": (lambda run: flip(run / "index" / "image.index"), "its checksum differs"),
    "flipped byte in the weights": (lambda run: flip(run / "model" / "model.safetensors"), "python train.py"),
    "no index": (lambda run: (run / "index" / "manifest.json").unlink(), "half-written"),
}


@pytest.mark.parametrize(("damage", "message"), RUNS.values(), ids=RUNS.keys())
def test_run_for_infer(copied_run, command, damage, message):
    damage(copied_run)
    outcome = command("infer.py", f"run={copied_run}", "query=effusion")
    assert outcome.status == 3
    (line,) = errors(outcome.err)
    assert message in line


def test_folder_that_cannot_be_written(project, tmp_path, command):
    (tmp_path / "file").touch()
    outcome = command("infer.py", "query=effusion", f"output={tmp_path / 'file' / 'answers'}", cwd=project)
    assert outcome.status == 2
    assert "cannot write" in errors(outcome.err)[0]


def manifest(folder: Path) -> Path:
    lines = ["image,text,patient_id,split"]
    for number in range(NUM_PAIRS):
        split = "val" if number >= 24 else "test" if number >= 18 else "train"
        lines.append(f"{picture(folder / f'{number}.png', number).name},Opacity number {number}.,p{number},{split}")
    path = folder / "pairs.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


TRAININGS = {
    "typo": (
        ("trainer.max_epoch=3",),
        2,
        "trainer.max_epoch: Trainer takes no 'max_epoch'; did you mean 'max_epochs'?",
    ),
    "root typo": (("sed=3",), 2, "did you mean 'seed'"),
    "type": (("optimizer.lr=fast",), 2, "optimizer.lr: expected float"),
    "choice": (("model=clip_b23",), 2, "did you mean 'clip_b32'"),
    "manifest": (("data=csv",), 2, "data.manifest"),
    "no manifest": (("data=csv", "data.manifest=gone.csv"), 2, "gone.csv"),
    "freeze": (
        ("++model.freeze._target_=medxpert.models.clip.Freeze", "model.freeze.image_blocks=9"),
        2,
        "image_blocks=9",
    ),
    "no weights": (("model=clip_b32",), 2, "model.weights="),
    "weights": (("model.weights=gone.pt",), 2, "gone.pt"),
    "batch": (("loader.batch_size=1",), 2, "loader.batch_size=1"),
    "seed": (("seed=-1",), 2, "seed=-1 lies outside"),
    "rejected": (("max_rejected=2",), 2, "max_rejected=2 lies outside"),
}


@pytest.mark.parametrize(("arguments", "status", "message"), TRAININGS.values(), ids=TRAININGS.keys())
def test_training_that_cannot_start(tmp_path, command, arguments, status, message):
    outcome = command("train.py", *arguments)
    assert (outcome.status, len(errors(outcome.err))) == (status, 1)
    assert message in errors(outcome.err)[0]
    assert not list((tmp_path / "outputs").glob("*/*"))


def test_all_faults_are_told_at_once(command):
    outcome = command("train.py", "trainer.max_epoch=3", "optimizer.lr=fast", "sed=1")
    assert outcome.status == 2
    assert len(errors(outcome.err)) == 3


def test_typo_inside_an_experiment_file(tmp_path, command):
    (tmp_path / "conf" / "experiment").mkdir(parents=True)
    (tmp_path / "conf" / "experiment" / "mine.yaml").write_text("# @package _global_\ntrainer:\n  max_epoch: 3\n")
    outcome = command("train.py", "experiment=mine", "--config-dir", str(tmp_path / "conf"))
    assert outcome.status == 2
    assert "did you mean 'max_epochs'?" in errors(outcome.err)[0]


SMALL_MODEL = (
    "model.image_side=32",
    "model.image_widths=[8,16]",
    "model.text_width=32",
    "model.text_blocks=1",
    "model.vocab_size=600",
    "trainer.max_epochs=1",
    "trainer.precision=32",
)


@pytest.mark.slow
def test_too_many_broken_images_end_the_run_and_few_do_not(tmp_path, command):
    path = manifest(tmp_path)
    for number in range(6):
        (tmp_path / f"{number}.png").write_text("broken")
    arguments = ("data=csv", f"data.manifest={path}", *SMALL_MODEL)
    outcome = command("train.py", *arguments)
    assert outcome.status == 3
    assert "6 of 30 studies are unusable, more than max_rejected=0.1" in errors(outcome.err)[0]
    outcome = command("train.py", *arguments, "max_rejected=0.5")
    assert outcome.status == 0, outcome.err
    rows = (tmp_path / "outputs" / "latest" / "rejected.csv").read_text().splitlines()
    assert len(rows) == 7


@pytest.mark.parametrize(
    ("override", "message"),
    [("trainer.max_epochs=0", "no step was taken"), ("optimizer.lr=-1", "optimizer: Invalid learning rate: -1")],
)
def test_training_that_takes_no_step_makes_no_run(tmp_path, command, override, message):
    arguments = ("data=csv", f"data.manifest={manifest(tmp_path)}", *SMALL_MODEL)
    outcome = command("train.py", *arguments, override)
    assert outcome.status == 2
    assert message in errors(outcome.err)[0]
    assert not (tmp_path / "outputs" / "latest").exists()


@pytest.mark.parametrize("signal", [SIGTERM, SIGINT])
def test_signal_during_training_is_told_and_makes_no_run(tmp_path, command, monkeypatch, signal):
    def interrupt(*args):
        os.kill(os.getpid(), signal)

    monkeypatch.setattr(ContrastiveModule, "on_train_batch_start", interrupt)
    before = [(number, getsignal(number)) for number in (SIGTERM, SIGINT)]
    outcome = command("train.py", "data=csv", f"data.manifest={manifest(tmp_path)}", *SMALL_MODEL)
    for number, handler in before:
        set_signal(number, handler)
    assert outcome.status == 130
    (line,) = errors(outcome.err)
    assert line.startswith("error: interrupted at step 1; go on with: python train.py resume=outputs/")
    assert not (tmp_path / "outputs" / "latest").exists()


def test_finished_run_is_not_trained_over(project, command):
    folder = (project / "outputs" / "latest").resolve()
    outcome = command("train.py", f"hydra.run.dir={folder}", cwd=project)
    assert outcome.status == 2
    assert "holds a finished run" in errors(outcome.err)[0]


@pytest.mark.parametrize(
    ("batch_size", "message"),
    [(6, "the loss is nan at step 1; lower optimizer.lr"), (18, "embeddings are not finite at step 1; lower")],
)
def test_divergence_names_step_and_studies(tmp_path, command, batch_size, message):
    arguments = ("data=csv", f"data.manifest={manifest(tmp_path)}", *SMALL_MODEL)
    outcome = command("train.py", *arguments, "optimizer.lr=1e30", f"loader.batch_size={batch_size}")
    assert outcome.status == 3
    (line,) = errors(outcome.err)
    assert message in line
    assert line.count(".png") == 6
    assert not (tmp_path / "outputs" / "latest").exists()
