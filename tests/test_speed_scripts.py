"""The scripts of the study of speed run as its README says; figures are looked at, not asserted, but for memory."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

STUDY = Path(__file__).parents[1] / "experiments" / "speed"
KEYS = {"name", "ratio", "target", "ours", "stock", "unit", "limit", "value", "peak_memory_mb", "share_of_limit"}


def ran(script, *arguments):
    return subprocess.run([sys.executable, STUDY / script, *arguments], capture_output=True, text=True, check=False)


def measured(script, *arguments):
    done = ran(script, *arguments)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


@pytest.mark.slow
def test_preparing():
    found = measured("preparing.py", "films=24")
    assert found["prepare"]["images"] == 24
    assert found["decode"]["mean_difference_to_stock_grey_levels"] < 1.5


@pytest.mark.slow
def test_feeding_takes_no_memory():
    found = measured("feed.py", "studies=20000", "originals=100")
    # what streams keeps a window of row groups, which these 288 MB do not fill
    for name, most in (("all cores, 256 px", 150), ("all cores, 256 px, streamed", 400)):
        assert found[name]["images"] >= 20_000
        assert found[name]["memory_growth_mb"] < most


@pytest.mark.slow
def test_every_row_can_be_measured(tmp_path):
    done = ran("measure.py", "quick=true", f"output={tmp_path / 'results.json'}")
    assert done.returncode == 0, done.stdout[-3000:]
    rows = json.loads((tmp_path / "results.json").read_text())
    assert {"recall", "jpeg_decode"} <= {one["name"] for one in rows}
    for one in rows:
        assert set(one) >= KEYS
        assert one["quick"]


@pytest.mark.slow
def test_the_gpus_table_runs_on_a_cpu():
    done = ran("gpu.py", "device=cpu", "quick=true")
    assert done.returncode == 0, done.stderr[-2000:]
    for way in ("open_clip, Lightning", "Hugging Face Trainer", "MedXpert"):
        assert f"| 4 | {way} |" in done.stdout


@pytest.mark.slow
def test_profiling():
    done = ran("profile_step.py", "quick=true")
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("| operation | ms | share | calls |") == 6


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_both_ways_are_compared_in_the_precision_of_the_training(precision):
    code = (
        "import sys, json, pathlib, tempfile; sys.path.insert(0, sys.argv[1])\n"
        "from training import Setting, compare\n"
        "with tempfile.TemporaryDirectory() as name:\n"
        "    setting = Setting(True, pathlib.Path(name), sys.argv[2])\n"
        "    batch = next(iter(setting.data(16).train_dataloader()))\n"
        "    print(json.dumps(compare(setting, batch, setting.module())))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, STUDY, precision], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    embeddings, _, _ = json.loads(done.stdout.splitlines()[-1])
    assert (embeddings > 1e-4) == (precision == "bf16-mixed")


def test_every_script_is_in_the_readme():
    text = (STUDY / "README.md").read_text()
    assert [path.name for path in STUDY.glob("*.py") if path.name not in text] == []
