"""clip_b32 from local weights: one real epoch on 64 pairs, then infer reads its run."""

import json

import numpy as np
import open_clip
import PIL.Image
import pytest
from safetensors.torch import save_file

NUM_PAIRS = 80


@pytest.mark.slow
def test_clip_b32_trains_from_local_weights(tmp_path, command):
    model = open_clip.create_model("ViT-B-32-quickgelu", pretrained=None)
    save_file(model.state_dict(), tmp_path / "b32.safetensors")
    noise = np.random.default_rng(0)
    rows = ["image,text,patient_id,split"]
    for number in range(NUM_PAIRS):
        PIL.Image.fromarray(noise.integers(0, 255, (64, 64), dtype=np.uint8)).save(tmp_path / f"{number}.png")
        split = "train" if number < 64 else "val" if number < 72 else "test"
        rows.append(f"{number}.png,Opacity number {number} in the left lung.,p{number},{split}")
    (tmp_path / "pairs.csv").write_text("\n".join(rows))
    arguments = ("model=clip_b32", "data=csv", f"data.manifest={tmp_path}/pairs.csv", "trainer.max_epochs=1")
    outcome = command("train.py", *arguments, f"model.weights={tmp_path}/b32.safetensors")
    assert outcome.status == 0, outcome.err
    outcome = command("infer.py", f"image={tmp_path}/0.png", f"output={tmp_path}/answer")
    assert outcome.status == 0, outcome.err
    assert len(json.loads((tmp_path / "answer" / "result.json").read_text())["hits"]) == 5
    provenance = json.loads((tmp_path / "outputs" / "latest" / "provenance.json").read_text())
    assert (provenance["starting_stage"], provenance["steps"]) == ("pretrained", 4)
