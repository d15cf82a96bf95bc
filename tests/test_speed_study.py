"""The study of speed runs as its README says; figures are looked at, not asserted, but for memory."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

STUDY = Path(__file__).parents[1] / "experiments" / "speed"


def measured(script, *arguments):
    done = subprocess.run([sys.executable, STUDY / script, *arguments], capture_output=True, text=True, check=False)
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
    for name in ("all cores, 256 px", "all cores, 256 px, streamed"):
        assert found[name]["images"] >= 20_000
        assert found[name]["memory_growth_mb"] < 300
