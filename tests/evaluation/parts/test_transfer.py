import json
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from medxpert.cases import Cases
from medxpert.errors import DataError, MedXpertError
from medxpert.evaluation.parts import transfer as module
from medxpert.evaluation.parts.transfer import transfer
from medxpert.folders import seal
from medxpert.ontology import OBSERVATIONS
from medxpert.run import Embeddings, Run

MANIFEST = Path(__file__).parents[4] / "shared" / "cxr" / "manifest.csv"
NUM = 120
SPLITS = ("train", "val", "test")


class Bright:
    """Tells how bright a picture is: the first direction; the second is its rest."""

    image_side = 8

    def encode_images(self, pixels):
        level = pixels.reshape(len(pixels), -1).mean(axis=1) / 255
        return np.stack([level, np.sqrt(1 - level**2)], axis=1).astype(np.float32)


@pytest.fixture
def run(tmp_path, monkeypatch) -> Run:
    """Return a run whose prompts call bright pictures Edema and dark ones Pneumonia."""
    folder = tmp_path / "run" / "prompts"
    folder.mkdir(parents=True)
    pairs = np.zeros((len(OBSERVATIONS), 2, 2), np.float16)
    pairs[:, 0] = [0, 1]
    pairs[:, 1] = [1, 0]
    pairs[OBSERVATIONS.index("Edema")] = [[1, 0], [0, 1]]
    np.save(folder / "prompts.npy", pairs)
    seal(folder, {})
    monkeypatch.setattr(module, "open_encoder", lambda _: Bright())
    return Run(tmp_path / "run")


@pytest.fixture
def manifest(tmp_path):
    """Write bright pictures that are Edema and dark ones that are not, two to a patient, in all splits."""
    lines = ["image,labels,patient_id,split"]
    generator = np.random.default_rng(0)
    for row in range(NUM):
        patient = row // 2
        bright = patient % 2
        level = int(generator.integers(150, 250) if bright else generator.integers(5, 100))
        PIL.Image.fromarray(np.full((8, 8), level, np.uint8)).save(tmp_path / f"{row}.png")
        lines.append(f"{row}.png,{'Edema' if bright else 'No Finding'},p{patient},{SPLITS[patient % 3]}")
    path = tmp_path / "ward.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_zero_shot_and_probe_tell_what_pictures_show(run, manifest):
    part = transfer(run, str(manifest))
    assert part.place == ("transfer", "ward")
    assert (part.figures["studies"], part.figures["patients"], part.figures["rejected"]) == (NUM, NUM // 2, [])
    assert part.figures["zero_shot"]["counts"]["Edema"] == {"positive": NUM // 2, "negative": NUM // 2}
    assert part.figures["zero_shot"]["adapted"]["auroc"]["Edema"]["value"] == 1
    assert part.figures["zero_shot"]["chance"]["auprc"]["Edema"] == 0.5
    assert part.figures["probe"]["adapted"]["auroc"]["Edema"]["value"] > 0.95
    assert set(part.figures["probe"]["adapted"]["auroc"]) == {"Edema", "No Finding", "mean"}
    json.dumps(part.figures, allow_nan=False)


def test_tables_count_and_name_what_is_too_few(run, manifest):
    blocks = transfer(run, str(manifest)).blocks
    kinds = ("zero-shot AUROC", "zero-shot AUPRC", "probe AUROC", "probe AUPRC")
    assert [block.title for block in blocks] == [f"ward, {kind}" for kind in kinds]
    assert all("120 studies of 60 patients, 0 rows unusable" in block.note for block in blocks)
    assert blocks[2].columns == ("pos/neg", "chance", "pixel", "adapted", "gain")
    fracture = next(row for row in blocks[0].rows if row.name == "Fracture")
    assert [cell.value for cell in fracture.cells][:2] == ["0/120", "too few"]


def test_what_cannot_be_used_is_counted_and_listed(run, manifest, tmp_path):
    lines = manifest.read_text().splitlines()
    (tmp_path / "3.png").write_bytes(b"broken")
    (tmp_path / "4.png").unlink()
    lines[6] = lines[6].replace("Edema", "Flu").replace("No Finding", "Flu")
    manifest.write_text("\n".join([*lines, lines[1]]) + "\n")
    part = transfer(run, str(manifest))
    assert part.figures["studies"] == NUM - 3
    found = {item["line"]: item["reason"] for item in part.figures["rejected"]}
    assert set(found) == {5, 6, 7, NUM + 2}
    assert found[NUM + 2] == "image listed twice"
    assert found[7] == "unknown label"
    assert "png" not in json.dumps(part.figures["rejected"])
    assert str(tmp_path) not in json.dumps(part.figures)
    assert part.blocks[-1].title == "ward, unusable"
    assert {row.name for row in part.blocks[-1].rows} == {"line 5", "line 6", "line 7", "line 122"}
    assert "4 rows unusable" in part.blocks[0].note


def test_unknown_patients_are_said(run, manifest):
    rows = [line.split(",") for line in manifest.read_text().splitlines()]
    manifest.write_text("".join(f"{image},{labels},{split}\n" for image, labels, _, split in rows))
    part = transfer(run, str(manifest))
    assert part.figures["patients"] is None
    assert all("120 studies, 0 rows unusable; patients unknown" in block.note for block in part.blocks)
    assert "5 folds by study; pixel: PCA-64 of thumbnails" in part.blocks[2].note


def test_what_was_trained_on_is_an_alarm(run, manifest, monkeypatch):
    assert "no leak looked for" in transfer(run, str(manifest)).blocks[0].note
    trained = Cases.of({"patient_id": ["p1", "p2", "other"], "study_id": ["a", "b", "c"]}, manifest)
    monkeypatch.setattr(Run, "splits", lambda _: ["train"])
    monkeypatch.setattr(Run, "embeddings", lambda *_: Embeddings(np.eye(3), np.eye(3), trained))
    part = transfer(run, str(manifest))
    assert part.figures["leaks"]["patients"]["shared"] == 2
    assert all(f"LEAK: 2 of {NUM // 2} patients" in block.note for block in part.blocks)
    json.dumps(part.figures, allow_nan=False)


def test_the_policy_of_the_manifest_goes_with_its_figures(run, manifest):
    assert transfer(run, str(manifest)).policy == "private"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "expected a header, found an empty file"),
        ("image,report\na.png,clear\n", "no label column"),
        ("picture_of,labels\na.png,Edema\n", "image"),
    ],
)
def test_bad_manifest(run, tmp_path, content, message):
    path = tmp_path / "bad.csv"
    path.write_text(content)
    with pytest.raises(MedXpertError, match=message):
        transfer(run, str(path))


def test_no_usable_picture(run, tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text("image,labels\nnone.png,Edema\n")
    with pytest.raises(DataError, match=r"none.png"):
        transfer(run, str(path))


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.skipif(not MANIFEST.is_file(), reason=f"no real radiographs at {MANIFEST}")
def test_real_radiographs(run):
    part = transfer(run, str(MANIFEST))
    assert (part.figures["studies"], part.figures["rejected"]) == (735, [])
    counts = part.figures["probe"]["counts"]
    assert counts["Pneumonia"]["positive"] == 362
    assert counts["Fracture"]["positive"] == 0
    measured = {name for name, count in counts.items() if min(count.values()) >= 20}
    assert set(part.figures["probe"]["pixel"]["auroc"]) == measured | {"mean"}
    # Pneumonia and No Finding were collected apart, so that even pixels tell them.
    assert part.figures["probe"]["pixel"]["auroc"]["Pneumonia"]["low"] > 0.6
