"""What the loggers of a run write, and what never leaves the machine."""

import csv
import json
import logging
import sys
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import PIL.Image
import pytest
import pytorch_lightning as pl
import torch
import wandb
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf, open_dict, read_write
from pytorch_lightning.loggers import CSVLogger, TensorBoardLogger
from wandb.proto.wandb_internal_pb2 import Record

from medxpert.callbacks import wandb_run
from medxpert.callbacks.loggers import closing, csv_loggers, log_config, tensorboard_loggers, wandb_loggers
from medxpert.callbacks.panel import log_panel
from medxpert.callbacks.recall import RecallAtK
from medxpert.callbacks.wandb_run import WandbRun
from medxpert.config.build import build, resolve
from medxpert.config.check import check
from medxpert.config.resolvers import register
from medxpert.config.schema import conf_folder, read_schema
from medxpert.embedding import embed
from medxpert.errors import ConfigError
from medxpert.losses.info_nce import InfoNCE
from medxpert.module import ContrastiveModule
from medxpert.words import SPLITS

KEY = "0123456789" * 4
PLAIN = {".csv", ".json", ".log", ".wandb", ".yaml"}
"""Suffixes of files that hold what they hold uncompressed."""


@pytest.fixture(autouse=True)
def machine(monkeypatch, tmp_path):
    """Forget what is known of W&B on this machine, before and after."""
    for name in ("API_KEY", "BASE_URL", "MODE", "PROJECT", "ENTITY", "DATA_DIR", "ERROR_REPORTING"):
        monkeypatch.setenv(f"WANDB_{name}", "")  # so that whatever is set meanwhile is undone
        monkeypatch.delenv(f"WANDB_{name}")
    monkeypatch.setenv("NETRC", str(tmp_path / "no_netrc"))
    yield
    wandb.teardown()


def records(folder):
    """Read the transaction logs of all W&B runs below a folder: blocks of 32 KiB of records, some cut in pieces."""
    wandb.teardown()  # the last records are written behind the back of finish()
    for path in sorted(folder.rglob("run-*.wandb")):
        data, place, whole = path.read_bytes(), 7, b""
        while place < len(data):
            if (left := 32768 - place % 32768) < 7:
                place += left
                continue
            size, kind = int.from_bytes(data[place + 4 : place + 6], "little"), data[place + 6]
            whole, place = whole + data[place + 7 : place + 7 + size], place + 7 + size
            if kind in (1, 4):
                yield Record.FromString(whole)
                whole = b""


def history(folder):
    rows = [record.history for record in records(folder) if record.WhichOneof("record_type") == "history"]
    return [{item.nested_key[0]: json.loads(item.value_json) for item in row.item if item.nested_key} for row in rows]


def opened(folder):
    return [record.run for record in records(folder) if record.WhichOneof("record_type") == "run"]


def run_of(folder, **arguments):
    return wandb_loggers(str(folder), **arguments)[1]


def test_every_choice_logs_to_csv_first(tmp_path):
    for choice, others in (
        (csv_loggers, []),
        (tensorboard_loggers, [TensorBoardLogger]),
        (wandb_loggers, [WandbRun]),
    ):
        first, *rest = choice(str(tmp_path))
        assert isinstance(first, CSVLogger)
        assert first.log_dir == str(tmp_path / "logs")
        assert [type(one) for one in rest] == others


@pytest.mark.parametrize(
    ("offline", "asked", "key", "mode"),
    [
        (None, None, None, "offline"),
        (None, None, KEY, "online"),
        (True, None, KEY, "offline"),
        (False, None, KEY, "online"),
        (None, "offline", KEY, "offline"),
        (None, "dryrun", KEY, "offline"),
        (None, "disabled", None, "disabled"),
        (True, "online", KEY, "offline"),
        (False, "offline", KEY, "online"),
    ],
)
def test_nothing_is_sent_without_a_key_or_against_a_wish(tmp_path, monkeypatch, offline, asked, key, mode):
    if asked:
        monkeypatch.setenv("WANDB_MODE", asked)
    if key:
        monkeypatch.setenv("WANDB_API_KEY", key)
    assert run_of(tmp_path, offline=offline)._wandb_init["mode"] == mode


def test_a_key_that_wandb_login_wrote_is_one(tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text(f"machine wandb.example:8080 login user password {KEY}\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with pytest.raises(ConfigError, match="needs a key"):
        run_of(tmp_path, offline=False)
    monkeypatch.setenv("WANDB_BASE_URL", "http://wandb.example:8080")
    assert run_of(tmp_path, offline=False)._wandb_init["mode"] == "online"


@pytest.mark.parametrize(
    ("offline", "asked", "message"),
    [
        (False, None, "needs a key: set WANDB_API_KEY"),
        (None, "online", "needs a key: set WANDB_API_KEY"),
        (None, "loud", "WANDB_MODE=loud: expected online, offline or disabled"),
    ],
)
def test_a_wish_that_cannot_be_honoured(tmp_path, monkeypatch, offline, asked, message):
    if asked:
        monkeypatch.setenv("WANDB_MODE", asked)
    with pytest.raises(ConfigError, match=message):
        run_of(tmp_path, offline=offline)


@pytest.mark.parametrize(
    ("arguments", "name", "group"),
    [
        ({}, "0-tiny", None),
        ({"sweep_dir": "outputs/other"}, "0-tiny", None),
        ({"sweep_dir": "outputs/rates"}, "0-tiny", "rates"),
        ({"sweep_dir": "outputs/rates", "name": "a", "group": "b"}, "a", "b"),
    ],
)
def test_a_run_is_called_like_its_folder_and_grouped_by_its_sweep(tmp_path, monkeypatch, arguments, name, group):
    monkeypatch.chdir(tmp_path)
    made = run_of(tmp_path / "outputs" / "rates" / "0-tiny", **arguments)._wandb_init
    assert (made["name"], made["group"], made["project"]) == (name, group, "medxpert")


def test_only_the_first_process_opens_a_run(tmp_path, monkeypatch):
    monkeypatch.setattr(pl.utilities.rank_zero_only, "rank", 1)
    run = run_of(tmp_path)
    run.experiment.log({"x": 1})
    with closing([run]):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_resumed_run_is_the_same_run_and_a_new_one_in_its_folder_is_another(tmp_path):
    for step, resume in ((1, False), (2, True), (3, False)):
        run = run_of(tmp_path, resume=resume)
        with closing([run]):
            run.log_metrics({"train/loss": 0.5}, step)
    first, second, third = (
        one.run_id for one in sorted(opened(tmp_path), key=lambda one: one.start_time.ToNanoseconds())
    )
    assert first == second != third
    assert sorted(row["trainer/global_step"] for row in history(tmp_path)) == [1, 2, 3]


def test_a_run_ends_as_failed_with_what_failed(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    run = run_of(tmp_path)
    with pytest.raises(ZeroDivisionError), closing([run]):
        run.log_metrics({"x": 1.0}, 1)
        1 / 0  # noqa: B018
    exits = [record.exit.exit_code for record in records(tmp_path) if record.WhichOneof("record_type") == "exit"]
    assert exits == [1]
    assert f"wandb sync {tmp_path}/wandb/offline-run-" in caplog.text


def test_training_outlives_the_process_of_wandb(tmp_path, caplog):
    run = run_of(tmp_path)
    run.log_metrics({"x": 1.0}, 1)

    def lost(*_, **__):
        raise ConnectionResetError("Connection lost")

    real, run.experiment.log = run.experiment.log, lost
    run.log_metrics({"x": 1.0}, 2)
    run.log_hyperparams({"y": 1})
    run.experiment.log = real
    run.close(0)
    assert caplog.text.count("W&B ended (Connection lost)") == 1
    run.experiment.finish()
    assert [row["trainer/global_step"] for row in history(tmp_path)] == [1]


def manifest(folder):
    """Write a CSV data set whose every name and text can be told."""
    data = folder / "CANARY_FOLDER"
    data.mkdir()
    with (data / "CANARY_MANIFEST.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("image", "report", "study_id", "patient_id", "split"))
        for number in range(24):
            PIL.Image.new("L", (32, 32), 10 * number).save(data / f"CANARY_FILE_{number}.png")
            split = SPLITS[number % 3]
            rows.writerow(
                (
                    f"CANARY_FILE_{number}.png",
                    f"CANARY_TEXT {number}.",
                    f"CANARY_STUDY_{number}",
                    f"CANARY_PATIENT_{number}",
                    split,
                )
            )
    return data / "CANARY_MANIFEST.csv"


@pytest.fixture
def job(monkeypatch, tmp_path):
    """Compose what train.py would see in the folder `run`."""
    register()
    monkeypatch.setattr(HydraConfig.instance(), "cfg", None)

    def call(*overrides):
        with initialize_config_dir(str(conf_folder()), version_base="1.3"):
            folder = f"hydra.runtime.output_dir={tmp_path / 'run'}"
            cfg = compose("train", overrides=[folder, *overrides], return_hydra_config=True)
        HydraConfig.instance().set_config(cfg)
        choices = OmegaConf.to_container(cfg.hydra.runtime.choices)
        with read_write(cfg), open_dict(cfg):
            del cfg["hydra"]
        return cfg, choices

    return call


def test_settings_are_checked_before_anything_is_built(job):
    settings = ["++logger.project=chest", "++logger.tags=[a,b]", "++logger.name=x", "++logger.group=y"]
    known = read_schema(conf_folder(), "train")
    check(job("logger=wandb", *settings, "++logger.offline=true")[0], known)
    with pytest.raises(ConfigError) as refused:
        check(job("logger=wandb", "++logger.offline=maybe", "++logger.tags=3", "++logger.projekt=x")[0], known)
    assert [line.partition(",")[0] for line in sorted(str(refused.value).splitlines())] == [
        "logger.offline: expected bool | null",
        "logger.projekt: wandb_loggers takes no 'projekt'; did you mean 'project'?",
        "logger.tags: expected Sequence[str]",
    ]


def logged_fit(cfg, choices):
    """Train an epoch on what a configuration describes, telling its loggers all that they are ever told."""
    model = build(cfg.model)
    data = build(cfg.loader, reader=build(cfg.data), tokenizer=model.tokenizer, image_side=model.image_side)()
    module = ContrastiveModule(model, InfoNCE(), partial(torch.optim.SGD, lr=0.1))
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=1,
        logger=build(cfg.logger, resume=False),
        callbacks=[RecallAtK()],
        log_every_n_steps=1,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        use_distributed_sampler=False,
    )
    with closing(trainer.loggers):
        data.setup()
        policy = data.stores["val"].policy
        log_config(trainer.loggers, resolve(cfg), choices, policy)
        trainer.validate(module, datamodule=data, verbose=False)
        trainer.fit(module, datamodule=data)
        log_panel(trainer.loggers, data.stores["val"], *embed(model, data.stores["val"]), policy)


def check_config(tmp_path, policy, shown):
    """Compare what W&B was told of the configuration with what the policy allows."""
    config = {one.key: json.loads(one.value_json) for record in records(tmp_path) for one in record.config.update}
    assert config["choices"] == {"model": "clip_tiny", "loss": "info_nce"} | ({"data": "csv"} if shown else {})
    names = {record.run.display_name for record in records(tmp_path) if record.HasField("run")}
    assert (names == {"run"}) == shown
    assert config["policy"] == policy
    assert config["seed"] == 0
    assert config["optimizer"]["lr"] == 1e-3
    assert ("manifest" in config["data"]) == shown
    assert "version" in config
    assert "commit" not in config


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("policy", "shown"), [("open", True), ("credentialed", False), ("private", False)])
def test_nothing_that_names_data_leaves_a_run_unless_they_are_open(tmp_path, monkeypatch, job, policy, shown):
    path = manifest(tmp_path)
    monkeypatch.setattr(sys, "argv", ["train.py", f"data.manifest={path}"])
    cfg, choices = job(
        "data=csv",
        f"data.manifest={path}",
        f"++data.policy={policy}",
        "logger=wandb",
        "++model.image_side=32",
        "++model.image_widths=[8]",
        "++model.text_width=32",
        "++model.text_blocks=1",
        "++model.vocab_size=600",
        f"++loader.cache={tmp_path / 'CANARY_CACHE'}",
        "++loader.batch_size=4",
    )
    logged_fit(cfg, choices)
    files = [one for part in ("wandb", "logs") for one in (tmp_path / "run" / part).rglob("*") if one.is_file()]
    written = b"".join(one.read_bytes() for one in files)
    for canary, expected in (
        (b"CANARY", shown),
        (b"CANARY_MANIFEST", shown),
        (b"CANARY_FOLDER", shown),
        (b"CANARY_TEXT", shown),
        (b"CANARY_FILE", False),
        (b"CANARY_STUDY", False),
        (b"CANARY_PATIENT", False),
    ):
        assert (canary in written) == expected, canary
    assert (b"\x89PNG" in written) == shown
    sent = [one for one in files if one.suffix == ".wandb" or "files" in one.parts]
    if not shown:
        assert {one.suffix for one in files} <= PLAIN
        assert all(str(tmp_path).encode() not in one.read_bytes() for one in sent)
    assert [one.host for one in opened(tmp_path)] == [""]
    assert {"requirements.txt", "wandb-metadata.json", "output.log"}.isdisjoint(one.name for one in files)

    rows = history(tmp_path)
    assert {"train/loss", "train/lr", "train/scale", "val/recall@10", "trainer/global_step"} <= set().union(*rows)
    assert ("val/retrieval" in set().union(*rows)) == shown
    kinds = {record.WhichOneof("record_type") for record in records(tmp_path)}
    assert "stats" in kinds
    check_config(tmp_path, policy, shown)


class Service:
    """A W&B of this machine that takes everything, or answers every request with one status."""

    def __init__(self, status=200):
        service, self.status, self.stopped = self, status, False

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                asked = self.rfile.read(int(self.headers["Content-Length"] or 0))
                if service.stopped:
                    self.close_connection = True
                    return
                answer = json.dumps(service.answer(asked) if self.path == "/graphql" else {}).encode()
                self.send_response(service.status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_POST

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def answer(self, asked):
        asked = json.loads(asked)
        project = {"id": "p", "name": "medxpert", "entity": {"id": "e", "name": "me"}}
        bucket = {"id": "b", "name": asked.get("variables", {}).get("name"), "project": project}
        answers = {
            "UpsertBucket": {"upsertBucket": {"bucket": bucket, "inserted": True}},
            "RunResumeStatus": {"model": {**project, "bucket": None}},
            "CreateRunFiles": {"createRunFiles": {"runID": "b", "uploadHeaders": [], "files": []}},
        }
        return {"data": answers.get(asked["operationName"], {})}

    def stop(self):
        self.stopped = True  # for connections that are kept alive
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def service(monkeypatch):
    """Start a service and let wandb use it, patiently for seconds only."""
    started = []

    def call(*arguments):
        started.append(Service(*arguments))
        monkeypatch.setenv("WANDB_BASE_URL", started[-1].url)
        monkeypatch.setenv("WANDB_API_KEY", KEY)
        wandb.teardown()  # it would not look at the environment again
        return started[-1]

    monkeypatch.setattr(wandb_run, "OPENING_SECONDS", 2.0)
    monkeypatch.setattr(wandb_run, "CLOSING_SECONDS", 2.0)
    yield call
    for one in started:
        one.stop()


@pytest.mark.server
@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_is_refused_ends_the_command_with_what_to_do(tmp_path, service, status):
    service(status)
    with pytest.raises(ConfigError, match=f"W&B refuses the run: .*{status}.*logger.offline=true") as refused:
        run_of(tmp_path).log_metrics({"x": 1.0}, 1)
    assert "\n" not in str(refused.value)


def test_a_key_that_cannot_be_one_is_refused_unasked(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "bad")
    wandb.teardown()
    with pytest.raises(ConfigError, match="W&B refuses the run: WANDB_API_KEY invalid"):
        run_of(tmp_path).log_metrics({"x": 1.0}, 1)


@pytest.mark.server
@pytest.mark.parametrize("stopped", [True, False])
def test_a_run_that_finds_no_service_is_kept_on_this_machine(tmp_path, service, caplog, stopped):
    caplog.set_level(logging.INFO)
    found = service(500)
    if stopped:
        found.stop()
    run = run_of(tmp_path)
    with closing([run]):
        run.log_metrics({"x": 1.0}, 1)
        run.log_metrics({"x": 2.0}, 2)
    assert caplog.text.count("W&B is out of reach") == 1
    assert f"wandb sync {tmp_path}/wandb/offline-run-" in caplog.text
    assert [row["x"] for row in history(tmp_path)] == [1.0, 2.0]


@pytest.mark.server
def test_a_service_that_goes_away_delays_no_run_for_long(tmp_path, service, caplog):
    found = service()
    run = run_of(tmp_path)
    run.log_metrics({"x": 1.0}, 1)
    assert run.experiment.settings.mode == "online"
    found.stop()
    run.log_metrics({"x": 2.0}, 2)
    run.close(0)
    assert caplog.text.count(f"wandb sync --include-online {tmp_path}/wandb/run-") == 1
    assert [row["x"] for row in history(tmp_path)] == [1.0, 2.0]
