import json
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from medxpert.config.jobs import JobRecord
from medxpert.run import PROVENANCE


class FakeSweep:
    """Takes the place of Hydra's sweeper; its jobs leave what `result` says of their overrides."""

    def __init__(self, folder: Path, result):
        self.folder, self.result = folder, result
        self.checked, self.launched = [], []

    def check(self, jobs):
        self.checked += jobs

    def launch(self, jobs, first=0, at_once=1):
        self.folder.mkdir(exist_ok=True)
        for number, overrides in enumerate(jobs, start=first):
            self.launched.append((number, overrides))
            leave_job(self.folder, number, self.result(dict(one.split("=", 1) for one in overrides)))


def leave_job(sweep: Path, number: int, result) -> Path:
    """Make a job's folder: finished with a recall, or with the record that `result` is."""
    folder = sweep / f"{number}-tiny"
    folder.mkdir(parents=True)
    if isinstance(result, float):
        JobRecord(number, "finished").write(folder)
        leave_run(folder, result)
    elif isinstance(result, JobRecord):
        result._replace(number=number).write(folder)
    else:
        JobRecord(number, "running").write(folder)
        raise result
    return folder


def leave_run(folder: Path, recall: float) -> None:
    scores = [
        {
            "identity": {f"recall@{k}": {"value": recall / k * 10 + shift} for k in (10, 20)}
            | {"recall@1": {"value": 0.1}}
        }
        for shift in (-0.1, 0.1)
    ]
    adapted = {"val": dict(zip(("image_to_text", "text_to_image"), scores, strict=True))}
    (folder / "metrics.json").write_text(json.dumps({"policy": "open", "adapted": adapted}))
    (folder / PROVENANCE).write_text("{}")


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """Return a sweep in outputs/s whose jobs do what a function of their overrides returns."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "outputs").mkdir()
    return lambda result, name="s": FakeSweep(tmp_path / "outputs" / name, result)


def parsed(*overrides):
    return OverridesParser.create().parse_overrides(list(overrides))
