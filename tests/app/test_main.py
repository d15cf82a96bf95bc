import socket
import sys
from pathlib import Path

import pytest

from medxpert.app import __main__ as starting
from medxpert.errors import ConfigError


@pytest.fixture
def served(monkeypatch):
    """Return what starts the app as typed, and returns streamlit's command line instead of serving."""

    def start(*typed):
        lines = []
        monkeypatch.setattr(sys, "argv", ["medxpert.app", *typed])
        monkeypatch.setattr(starting, "check_free", lambda port: None)
        monkeypatch.setattr(starting, "check_ready", lambda run, folder: None)
        monkeypatch.setattr(starting, "_serve", lambda flags, drawn_counts: lines.append(flags))
        starting.main()
        return lines

    return start


def test_the_server_stays_on_this_machine_and_sends_nothing(served):
    (line,) = served()
    assert line[0] == "run"
    assert Path(line[1]).name == "main.py"
    assert {"--server.address=127.0.0.1", "--browser.gatherUsageStats=false", "--server.port=8501"} <= set(line)
    assert "--server.enableXsrfProtection=true" in line
    assert line[-1] == "--"


def test_keys_go_to_the_app_and_the_servers_own_do_not(served):
    (line,) = served("top_k=3", "port=9000", "host=films.example,  b.example", "max_megabytes=7", "run=latest")
    assert line[line.index("--") + 1 :] == ["top_k=3", "max_megabytes=7", "run=latest"]
    hosts = [flag.split("=")[1] for flag in line if flag.startswith("--server.allowedHosts")]
    assert hosts == ["localhost", "127.0.0.1", "films.example", "b.example"]
    assert {"--server.port=9000", "--server.maxUploadSize=7"} <= set(line)


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("rn=latest", "rn: unknown key; did you mean 'run'?"),
        ("top_k=many", "top_k"),
        ("top_k=0", "top_k=0: expected 1 or more"),
        ("max_megabytes=-1", "max_megabytes=-1: expected 1 or more"),
        ("policy=secret", "secret"),
        ("port=0", "port: expected a number from 1 to 65535, found '0'"),
        ("port=²", "port: expected a number"),
        ("token=short", "token: expected at least 16 letters"),
        ("user_header=a b", "user_header: expected the name of a header"),
        ("latest", "latest"),
    ],
)
def test_what_cannot_be_honoured_is_refused_before_the_server_starts(served, typed, told, capsys):
    with pytest.raises(SystemExit) as left:
        assert not served(typed)
    assert left.value.code == 2
    err = capsys.readouterr().err
    assert told in err
    assert err.count("\n") == 1


def test_the_help_lists_the_keys(served, capfd):
    with pytest.raises(SystemExit) as left:
        served("--help")
    assert left.value.code == 0
    assert "user_header=NAME" in capfd.readouterr().out


def test_an_unknown_flag(served, capsys):
    with pytest.raises(SystemExit):
        served("--prot=1")
    assert "unknown flag --prot=1" in capsys.readouterr().err


def test_a_taken_port_is_said_before_the_server_starts():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"port: expected a free one, found {port}: Address already in use; give"):
            starting.check_free(port)
    starting.check_free(port)


def test_started():
    assert starting.started(["a=1", "port=80"]) == (80, ("localhost", "127.0.0.1"), ("a=1",))
    with pytest.raises(ConfigError, match="port: expected"):
        starting.started(["port="])


def test_a_run_that_is_not_there_and_a_folder_that_cannot_be_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"run=latest does not exist; make one: python train\.py"):
        starting.check_ready("latest", tmp_path)
    run = tmp_path / "outputs" / "a"
    run.mkdir(parents=True)
    (run / "provenance.json").write_text("{}")
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"folder=.*file.* cannot be written .*; give another folder="):
        starting.check_ready("a", tmp_path / "file")
    starting.check_ready("a", tmp_path / "app")
