import os
import subprocess
import sys
from pathlib import Path

import pytest
from hydra.core.hydra_config import HydraConfig

from medxpert.config.command import version
from medxpert.errors import DataError


def raising(error):
    def fail(cfg):
        raise error

    return fail


def test_values_reach_main(run):
    (job,) = run("model=large", "seed=3", "model.fused=true", "query=it's a, b")
    assert (job["cfg"].seed, job["cfg"].model.lr, job["cfg"].model.fused) == (3, 2, True)
    assert job["cfg"].query == "it's a, b"


def test_model_recipe_overrides_the_root_and_an_own_folder_adds_choices(run, tmp_path):
    (tmp_path / "mine" / "model").mkdir(parents=True)
    (tmp_path / "mine" / "model" / "own.yaml").write_text("_target_: parts.Adam\nlr: 9")
    assert run()[0]["cfg"].seed == 5
    assert run("--config-dir", str(tmp_path / "mine"), "model=own")[0]["cfg"].model.lr == 9


def test_nothing_but_results_on_stdout_and_no_files(run, capsys):
    (job,) = run()
    output = capsys.readouterr()
    assert (output.out, output.err) == ("", "started\n")
    assert list(Path(job["folder"]).iterdir()) == []


def test_runs_of_one_second_have_their_own_folders(run):
    folders = {run()[0]["folder"] for _ in range(3)}
    assert len(folders) == 3
    assert all(folder.endswith("-tiny") for folder in folders)


def test_sweep_takes_a_literal_as_one_value(run):
    jobs = run("seed=7", "-m", "model=tiny,large", "query=a, b")
    assert [Path(job["folder"]).name for job in jobs] == ["0-tiny", "1-large"]
    assert {job["cfg"].query for job in jobs} == {"a, b"}
    assert {job["cfg"].seed for job in jobs} == {7}


def test_child_process_repeats_its_job_only(run):
    parent = run("-m", "seed=1,2", "query=it's", "model=large")[1]
    launched = [*parent["argv"], f'hydra.run.dir="{parent["dir"]}"', "hydra.job.name=child"]
    (child,) = run(*launched)
    assert child["folder"] == parent["folder"]
    assert child["cfg"] == parent["cfg"]


def test_job_of_a_sweep_leaves_the_environment_as_it_was(run):
    seen = []

    def fail(cfg):
        seen.append(os.environ.get("LOCAL_RANK"))
        os.environ["LOCAL_RANK"] = "0"

    run("-m", "seed=1,2", fail=fail)
    assert seen == [None, None]


def test_child_process_keeps_the_flags(run, tmp_path):
    parent = run("--config-dir", str(tmp_path), "-m", "seed=1,2")[0]
    assert parent["argv"] == ["++seed=1", "--config-dir", str(tmp_path)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["model=tinny"], "model=tinny: no such choice; did you mean 'tiny'? available: broken, large, tiny"),
        (["model=[tiny,lrge]"], "model=lrge: no such choice; did you mean 'large'? available: broken, large, tiny"),
        (["model=null"], "model=null: no such choice; available: broken, large, tiny"),
        (["model=[tiny,true]"], "model=true: no such choice; available: broken, large, tiny"),
        (["modle=tiny"], "modle: unknown key; did you mean 'model'?"),
        (["sede=1"], "sede: unknown key; did you mean 'seed'?"),
        (["model.rl=1"], "model.rl: Adam takes no 'rl'; known: betas, eps, fused, lr"),
        (["model.lr=fast"], "model.lr: expected float, found 'fast'"),
        (
            ["logger.name=x"],
            "logger.name: nothing reads it; correct the name, or give a choice of logger= that has it",
        ),
        (["experiment=long"], "sede: unknown key; did you mean 'seed'?"),
        (["model.lr=1,2"], "model.lr=1,2: write [...] for a list, or add --multirun to try each value"),
        (
            ["index.uri=http://host?token=Milvus"],
            "cannot read index.uri=...; quote the value: \"index.uri='...'\"",
        ),
        (["model.lr=a(1)"], "cannot read model.lr=a(1); quote the value: \"model.lr='a(1)'\""),
        (["fast"], "expected key=value, found 'fast'"),
        (["model/x=1"], "model/x: unknown key"),
        (["model=broken"], "model/broken.yaml:1: not valid YAML: expected ',' or '}', but got ':'"),
        (["--epochs", "3"], "unknown flag --epochs; values are set as key=value, see --help"),
        (["--cfg", "x"], "argument --cfg/-c: invalid choice: 'x' (choose from 'job', 'hydra', 'all'); see --help"),
        (["--config-dir", "absent"], "absent' not found"),
        (["hydra.run.dir=${nope}"], "hydra.run.dir: Interpolation key 'nope' not found"),
    ],
)
def test_bad_command_line_is_one_line_and_leaves_no_folder(run, capsys, tmp_path, arguments, message):
    assert run(*arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert line.endswith(message)
    assert not any((tmp_path / "out").glob("*"))


def test_each_fault_has_its_line(run, capsys):
    assert run("sede=1", "model.lr=x") == 2
    assert len(capsys.readouterr().err.splitlines()) == 2


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (DataError("a.png: not an image [yet] :x:"), 3, "a.png: not an image [yet] :x:"),
        (KeyError("a\nb"), 1, "unexpected KeyError: 'a\\nb' (set MEDXPERT_DEBUG=1 for the traceback)"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_failure_of_main(run, capsys, error, status, message):
    assert run(fail=raising(error)) == status
    assert capsys.readouterr().err.splitlines() == ["started", f"error: {message}"]


def test_debugging_shows_the_traceback(run, capsys, monkeypatch):
    monkeypatch.setenv("MEDXPERT_DEBUG", "1")
    assert run(fail=raising(DataError("broken"))) == 3
    assert "Traceback" in capsys.readouterr().err


def test_failed_job_does_not_end_a_sweep_but_decides_its_status(run, capsys):
    seen = []

    def fail(cfg):
        seen.append(cfg.seed)
        if cfg.seed == 1:
            raise DataError("broken")

    assert run("-m", "seed=1,2", fail=fail) == 3
    assert seen == [1, 2]
    assert "error: job 0: broken" in capsys.readouterr().err


def test_results_of_a_failed_run_stay(run, tmp_path):
    def fail(cfg):
        (Path(HydraConfig.get().runtime.output_dir) / "kept").touch()
        raise DataError("broken")

    assert run(fail=fail) == 3
    assert len(list(tmp_path.glob("out/*/kept"))) == 1


def test_stock_flags(run, capsys):
    run("--help")
    assert capsys.readouterr().out.startswith("seed=N [5] broken, large, tiny")
    run("seed=4", "--cfg", "job")
    assert "seed: 4" in capsys.readouterr().out
    run("--info", "defaults")
    assert "model/tiny" in capsys.readouterr().out
    run("--version")
    assert capsys.readouterr().out == f"medxpert {version()}\n"


def test_script_of_its_own(run, tmp_path):
    (tmp_path / "train.py").write_text(
        "from medxpert.config.command import command\n"
        "import sys\n"
        f"@command('train', __import__('pathlib').Path({str(tmp_path / 'conf')!r}))\n"
        "def main(cfg):\n"
        "    sys.stdout.write(repr(cfg.query))\n"
        "main()\n"
        "sys.stdout.write(str('torch' in sys.modules))\n"
    )
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONPATH": f"{root}:{tmp_path}"}
    arguments = [sys.executable, "train.py", "query=a(1).png, it's"]
    done = subprocess.run(arguments, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.stdout, done.stderr, done.returncode) == ('"a(1).png, it\'s"False', "", 0)


@pytest.mark.parametrize("words", [["train.py"], ["infer.py"], ["-m", "medxpert.embed"], ["-m", "medxpert.export"]])
def test_a_help_page_loads_nothing_heavy(words):
    arguments = [sys.executable, "-X", "importtime", *words, "--help"]
    done = subprocess.run(arguments, cwd=Path(__file__).resolve().parents[2], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Usage: python" in done.stdout
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "hydra" in loaded
    assert not loaded & {"torch", "pytorch_lightning", "transformers", "sklearn", "pandas", "faiss", "datasets"}


@pytest.mark.parametrize("arguments", [["--help"], ["seed=2"]])
def test_hydra_is_as_it_was_after_a_command(run, arguments):
    from hydra._internal.hydra import Hydra

    before = Hydra.get_mode, Hydra.format_config_groups
    run(*arguments)
    assert (Hydra.get_mode, Hydra.format_config_groups) == before
