import os
import sys

import pytest

from medxpert.config import remembered
from medxpert.config.command import command
from medxpert.config.settings import Settings

PRIMARY = """
defaults: [_self_, {rule: usual}, {override hydra/hydra_logging: none}, {override hydra/job_logging: none}]
query: null
image: null
seed: 1
hydra: {output_subdir: null, run: {dir: .}}
"""
RULE = "_target_: medxpert.evidence.rule.Rule\npresent: 0.5"


@pytest.fixture
def ask(tmp_path, monkeypatch):
    """Run a plain command; returns what main saw, with `composed` = whether Hydra was asked, or the exit status."""
    conf = tmp_path / "conf"
    (conf / "rule").mkdir(parents=True)
    (conf / "infer.yaml").write_text(PRIMARY)
    (conf / "rule" / "usual.yaml").write_text(RULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MEDXPERT_CACHE", str(tmp_path / "cache"))

    def call(*arguments):
        from medxpert.config import hydra_run

        seen, runs = [], []
        run = hydra_run.run
        monkeypatch.setattr(hydra_run, "run", lambda *given: runs.append(1) or run(*given))
        monkeypatch.setattr(sys, "argv", ["infer.py", *arguments])
        try:
            command("infer", conf, plain=True)(seen.append)()
        except SystemExit as error:
            return error.code
        finally:
            monkeypatch.setattr(hydra_run, "run", run)
        assert type(seen[0]) is Settings
        return seen[0] | {"composed": bool(runs)}

    call.conf, call.kept = conf, tmp_path / "cache" / "commands"
    return call


def test_the_same_command_line_is_composed_once(ask):
    first, second = ask("seed=2"), ask("seed=2")
    assert (first.pop("composed"), second.pop("composed")) == (True, False)
    assert first == second
    assert second["seed"] == 2
    assert ask("seed=3")["composed"]


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ("a.png", "b.png"),
        ("a.png", "it's, a(1) [x].png"),
        ("a.png", "${seed}"),
        ("a.png", "'quoted'"),
        ("a.png", ""),
        ("a.png", "back\\slash\\"),
        ("a.png", "x=y"),
    ],
)
def test_texts_are_the_ones_typed_and_are_not_kept(ask, first, then):
    ask(f"image={first}")
    remembered_one = ask(f"image={then}")
    assert not remembered_one.pop("composed")
    (kept,) = ask.kept.iterdir()
    assert first not in kept.read_text()
    kept.unlink()
    composed = ask(f"image={then}")
    assert composed.pop("composed")
    assert composed == remembered_one


def touch(path):
    os.utime(path, ns=(0, 0))


def test_a_changed_yaml_or_module_is_composed_anew(ask, monkeypatch, tmp_path):
    ask()
    assert not ask()["composed"]
    (ask.conf / "rule" / "usual.yaml").write_text(RULE.replace("0.5", "0.6"))
    changed = ask()
    assert changed["composed"]
    assert changed["rule"]["present"] == 0.6
    assert not ask()["composed"]
    (ask.conf / "rule" / "other.yaml").write_text(RULE)
    assert ask()["composed"]
    package = tmp_path / "package"
    package.mkdir()
    (package / "one.py").touch()
    monkeypatch.setattr(remembered, "_PACKAGE", package)
    assert [ask()["composed"], ask()["composed"]] == [True, False]
    touch(package / "one.py")
    assert ask()["composed"]


@pytest.mark.parametrize(
    "arguments",
    [["+more=1"], ["sede=1"], ["seed=fast"], ["nonsense"], ["transfer=x"], ["rule=unknown"], ["--nonsense"]],
)
def test_what_is_refused_is_refused_each_time(ask, arguments):
    assert [ask(*arguments), ask(*arguments)] == [2, 2]


def test_what_may_change_or_shall_not_be_written_is_not_remembered(ask, monkeypatch):
    monkeypatch.setenv("SOME_TEXT", "here")
    for line in ("other: ${oc.env:SOME_TEXT}", "api_key: abc", "uri: https://me:secret@host/x"):
        (ask.conf / "infer.yaml").write_text(PRIMARY + line)
        assert [ask()["composed"], ask()["composed"]] == [True, True]
    (ask.conf / "infer.yaml").write_text(PRIMARY + "filter: {_target_: medxpert.indexes.filter.Filter}")
    arguments = ("filter.exclude_patient=p17",)
    assert [ask(*arguments)["composed"], ask(*arguments)["composed"]] == [True, True]
    assert not ask.kept.exists()


def test_only_so_many_are_kept(ask, monkeypatch):
    monkeypatch.setattr(remembered, "_MOST", 2)
    for seed in range(4):
        ask(f"seed={seed}")
    assert len(list(ask.kept.glob("*.json"))) == 2
    assert not ask("seed=3")["composed"]


def test_nowhere_to_remember_is_no_failure(ask, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("MEDXPERT_CACHE", str(tmp_path / "file"))
    assert [ask()["composed"], ask()["composed"]] == [True, True]
