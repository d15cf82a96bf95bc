import logging
import sys
import textwrap

import pytest
from hydra.core.hydra_config import HydraConfig

from medxpert.config.command import command

PARTS = """
from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from medxpert.errors import DataError

if TYPE_CHECKING:
    from nowhere import Tensor


@dataclass
class Freeze:
    blocks: int = 0


class Model:
    def __init__(self, width: int, freeze: Freeze | None = None, shape: Tensor = None, weights: str | None = None):
        if width < 1:
            raise ValueError(f"width must be at least 1,\\nfound {width}")
        if weights == "broken":
            raise DataError("weights are broken")
        self.width, self.freeze, self.weights = width, freeze, weights


class Adam:
    def __init__(self, lr: float = 0.1, betas: tuple[float, float] = (0.9, 0.99), fused: bool = False, eps: int = None):
        self.lr, self.betas = lr, betas


def read(split: str, path: str, views: list[str] = (), order: Literal["name", "date"] = "name"):
    return split, path, views, order


def anything(**settings: int):
    return settings


def bug():
    raise AttributeError("a bug of ours")
"""


@pytest.fixture
def parts(tmp_path, monkeypatch):
    """Make a module of constructors importable for one test."""
    (tmp_path / "parts.py").write_text(textwrap.dedent(PARTS))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "parts", raising=False)


CONF = {
    "train.yaml": """
        defaults: [_self_, {model: tiny}, {logger: null}, {experiment: null},
                   {override hydra/hydra_logging: none}, {override hydra/job_logging: none}]
        seed: 0
        query: null
        hydra:
          output_subdir: null
          run: {dir: "out/${now:%f}-${hydra.runtime.choices.model}"}
          sweep: {dir: "out/${now:%f}-sweep", subdir: "${hydra.job.num}-${hydra.runtime.choices.model}"}
          help: {template: "seed=N [${seed}] ${choices:model}"}
        """,
    "model/tiny.yaml": "# @package _global_\nmodel: {_target_: parts.Adam, lr: 1}\nseed: 5",
    "model/large.yaml": "# @package _global_\nmodel: {_target_: parts.Adam, lr: 2}",
    "model/broken.yaml": "model: {a: b: c}",
    "experiment/long.yaml": "# @package _global_\nmodel: {lr: 3}\nsede: 1",
}


@pytest.fixture
def run(tmp_path, monkeypatch, parts):
    """Run the command in a folder of its own; returns what main saw of each job, or the exit status."""
    for name, text in CONF.items():
        path = tmp_path / "conf" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    monkeypatch.setattr(HydraConfig.instance(), "cfg", None)
    handlers, level = logging.getLogger().handlers[:], logging.getLogger().level

    def call(*arguments, fail=lambda cfg: None):
        jobs = []

        @command("train", tmp_path / "conf")
        def main(cfg):
            logging.getLogger("medxpert.parts").info("started")
            logging.getLogger("faiss").info("noise")
            fail(cfg)
            folder = HydraConfig.get().runtime.output_dir
            jobs.append({"cfg": cfg, "argv": sys.argv[1:], "folder": folder, "dir": HydraConfig.get().run.dir})

        monkeypatch.setattr(sys, "argv", ["train.py", *arguments])
        try:
            main()
        except SystemExit as error:
            return error.code
        return jobs

    yield call
    logging.getLogger().handlers[:] = handlers
    logging.getLogger().setLevel(level)
