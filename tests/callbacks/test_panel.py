import numpy as np
import pytest

from medxpert.callbacks.loggers import tensorboard_logger, wandb_logger
from medxpert.callbacks.panel import log_panel
from medxpert.data.store import open_store
from medxpert.data.stored import Representation
from medxpert.words import Study


def store(folder, policy, flat):
    studies = [
        Study(f"s{number}", f"p{number}", (flat(number),), findings=f"SECRET finding {number}.", policy=policy)
        for number in range(12)
    ]
    return open_store(studies, [], "val", Representation(8), folder)


@pytest.mark.parametrize(("policy", "shown"), [("open", True), ("credentialed", False), ("private", False)])
def test_pictures_and_texts_reach_a_logger_only_for_open_data(tmp_path, flat, policy, shown):
    logger = tensorboard_logger(str(tmp_path / "run"))
    log_panel([logger], store(tmp_path / "cache", policy, flat), np.eye(12), np.eye(12))
    logger.experiment.close()
    written = b"".join(path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file())
    assert (b"SECRET" in written) == shown
    assert (b"val/retrieval/0" in written) == shown


@pytest.mark.parametrize(("key", "offline", "expected"), [(None, None, True), ("x", None, False), ("x", True, True)])
def test_wandb_stays_offline_without_a_key(tmp_path, monkeypatch, key, offline, expected):
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    if key:
        monkeypatch.setenv("WANDB_API_KEY", key)
    assert wandb_logger(str(tmp_path), offline=offline)._offline is expected


def test_wandb_records_neither_terminal_nor_command_line(tmp_path):
    settings = wandb_logger(str(tmp_path), offline=True)._wandb_init["settings"]
    assert (settings.console, settings.x_disable_meta, settings.disable_code, settings.disable_git) == (
        "off",
        True,
        True,
        True,
    )
