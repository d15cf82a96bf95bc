import json

import numpy as np
import pytest
import wandb

from medxpert.callbacks.loggers import closing, tensorboard_loggers, wandb_loggers
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
    logger = tensorboard_loggers(str(tmp_path / "run"))[1]
    log_panel([logger], store(tmp_path / "cache", policy, flat), np.eye(12), np.eye(12), policy)
    logger.experiment.close()
    written = b"".join(path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file())
    assert (b"SECRET" in written) == shown
    assert (b"val/retrieval/0" in written) == shown


def test_wandb_shows_a_table_of_what_was_retrieved(tmp_path, flat, monkeypatch):
    monkeypatch.setenv("WANDB_DATA_DIR", str(tmp_path / "run" / "wandb"))
    loggers = wandb_loggers(str(tmp_path / "run"), offline=True)
    text = np.eye(12)
    text[0] = -text[0]  # the last that the first study finds
    with closing(loggers):
        log_panel(loggers, store(tmp_path / "cache", "open", flat), np.eye(12), text, "open")
    wandb.teardown()
    (path,) = (tmp_path / "run" / "wandb").glob("offline-run-*/files/**/*.table.json")
    table = json.loads(path.read_text())
    assert table["columns"] == [
        "image",
        "report",
        "hit",
        *(f"{one} {k}" for k in (1, 2, 3) for one in ("report", "score")),
    ]
    first, *_, last = ([*row[1:3], row[3:]] for row in table["data"])
    assert first[:2] == ["SECRET finding 0.", False]
    assert first[2] == ["SECRET finding 1.", 0, "SECRET finding 2.", 0, "SECRET finding 3.", 0]
    assert last[:2] == ["SECRET finding 11.", True]
    assert last[2][:2] == ["SECRET finding 11.", 1]
    assert len(table["data"]) == 8
