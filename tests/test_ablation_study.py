"""experiments/ablation/study.py: every arm is a training that can be built, and has a folder of its own."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from hydra import compose, initialize_config_dir

from medxpert.config.overrides import rewrite
from medxpert.config.resolvers import register
from medxpert.config.schema import conf_folder, read_schema

ROOT = Path(__file__).parents[1]
SPEC = importlib.util.spec_from_file_location("ablation", ROOT / "experiments" / "ablation" / "study.py")
STUDY = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(STUDY)


@pytest.mark.parametrize("arm", STUDY.ARMS, ids=lambda arm: arm.name)
def test_an_arm_changes_the_configuration(arm):
    register()
    groups = read_schema(conf_folder(), "train").groups

    def composed(flags):
        with initialize_config_dir(str(conf_folder()), version_base="1.3"):
            return compose("train", [rewrite(flag, groups) for flag in ("experiment=ablation", *flags)])

    assert (composed(arm.flags) == composed(())) == (arm == STUDY.REFERENCE)


def test_arms_have_folders_of_their_own():
    folders = {STUDY.folder(arm, seed) for arm in STUDY.ARMS for seed in STUDY.SEEDS}
    assert len(folders) == 3 * len(STUDY.ARMS)


def test_table():
    columns = [STUDY.Column("image_to_text", "same_text", 10)]
    reference = STUDY.Row(np.zeros((3, 2, 1)), np.array([10.0, 20.0, 30.0]))
    better = STUDY.Row(np.ones((3, 2, 1)), np.array([10.0, 10.0, 10.0]))
    rows = {STUDY.REFERENCE: reference, STUDY.ARMS[1]: better}
    lines = "\n".join(STUDY.table("Title", columns, rows, np.array(["a", "b"]))).splitlines()
    assert lines[0] == "**Title**; 2 test queries of 2 patients"
    assert f"| {STUDY.ARMS[1].title} | 0.50 | 100.0 ± 0.0 |" in lines
    assert lines[-1] == f"| {STUDY.ARMS[1].title} | +100.0 (+100.0 to +100.0) |"
