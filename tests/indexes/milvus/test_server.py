"""Addresses, and servers that are away; a real one that answers is milvus-lite's own on the loopback."""

import socket

import numpy as np
import pytest

from medxpert.errors import ConfigError, DataError, RemoteError
from medxpert.indexes.milvus.index import MilvusIndex
from medxpert.indexes.milvus.server import Place, connect, place_of


@pytest.fixture
def listening():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def proxy():
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


@pytest.mark.parametrize(
    ("uri", "expected", "destination"),
    [
        ("http://127.0.0.1:19530", "http://127.0.0.1:19530", "machine"),
        ("http://localhost:19530/", "http://localhost:19530", "machine"),
        ("https://milvus.hospital.example:443/radiology", "https://milvus.hospital.example:443/radiology", "server"),
        ("http://10.0.0.7:19530", "http://10.0.0.7:19530", "server"),
        ("http://localhost:1/Global-Cluster", "http://localhost:1/Global-Cluster", "server"),  # it sends them elsewhere
        ("/data/cases.db", "/data/cases.db", "machine"),
    ],
)
def test_places(uri, expected, destination):
    place = place_of(uri)
    assert place.uri == expected
    assert place.destination == destination == MilvusIndex(uri).destination


def test_a_relative_file_lies_where_the_command_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert place_of("cases.db") == Place(str(tmp_path / "cases.db"))


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("cases", "index.uri=cases: expected a file here such as cases.db, or a server"),
        ("tcp://host:19530", "index.uri=tcp://host:19530: expected"),
        ("http://:19530", "index.uri=http://:19530: expected"),
        ("http://host:99999", "index.uri: expected"),
        (
            "http://root:Milvus@host:19530",
            "found credentials or options in the address; put the token into MILVUS_TOKEN",
        ),
        ("http://host:19530?token=Milvus", "found credentials or options"),
        ("http://root:1/Milvus@host:19530", "found credentials or options"),
        ("host:19530?token=Milvus", "index.uri: expected a file here"),
        ("root:Milvus@host:19530", "index.uri: expected a file here"),
    ],
)
def test_bad_places(uri, message):
    with pytest.raises(ConfigError, match=message) as raised:
        place_of(uri)
    assert "Milvus@" not in str(raised.value)
    assert "token=Milvus" not in str(raised.value)


def test_nobody_listens():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    index = MilvusIndex(f"http://127.0.0.1:{port}", timeout_seconds=5)
    with pytest.raises(RemoteError, match=f"http://127.0.0.1:{port}: Connection refused; see that Milvus runs there"):
        index.check()
    with pytest.raises(RemoteError, match="MILVUS_TOKEN in the environment is what it asks for"):
        index.build(np.eye(3, dtype=np.float32))


def test_a_server_that_never_answers(listening, capfd):
    index = MilvusIndex(f"http://127.0.0.1:{listening}", timeout_seconds=0.5)
    index.check()
    with pytest.raises(RemoteError, match=r"answers within index\.timeout_seconds=") as raised:
        index.build(np.eye(3, dtype=np.float32))
    assert "\n" not in str(raised.value)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
@pytest.mark.parametrize(
    "environment",
    [
        {"http_proxy": "http://{}"},
        {"https_proxy": "http://{}", "grpc_proxy": "http://{}"},
        {"GRPC_ADDRESS_HTTP_PROXY": "{}", "GRPC_ADDRESS_HTTP_PROXY_ENABLED_ADDRESSES": "127.0.0.0/8,::1"},
    ],
    ids=lambda environment: next(iter(environment)),
)
def test_nothing_for_this_machine_goes_through_a_proxy(proxy, listening, monkeypatch, environment, host):
    for name in ("no_proxy", "no_grpc_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value.format(f"127.0.0.1:{proxy.getsockname()[1]}"))
    index = MilvusIndex(f"http://{host}:{listening}", timeout_seconds=0.3)
    assert index.destination == "machine"
    with pytest.raises(RemoteError):
        index.build(np.eye(3, dtype=np.float32))
    with pytest.raises(BlockingIOError):
        proxy.accept()


def test_a_missing_folder(tmp_path):
    with pytest.raises(ConfigError, match="is no folder; make it first"):
        MilvusIndex(str(tmp_path / "none" / "cases.db")).check()


@pytest.mark.parametrize(
    ("place", "code", "error", "message"),
    [
        ("http://host:1", 100, DataError, "the index is gone; build it again"),
        ("http://host:1", 65535, RemoteError, "http://host:1: auth check failure; see that Milvus runs there"),
        ("/a.db", 1, ConfigError, "/a.db cannot be used: auth check failure; move it away"),
    ],
)
def test_what_refusals_mean(place, code, error, message):
    with pytest.raises(error, match=message):
        raise Place(place).failure("auth check\n failure.", code)


def test_the_token_comes_from_the_environment_alone(monkeypatch, tmp_path):
    given = {}
    monkeypatch.setattr("pymilvus.MilvusClient", lambda uri, **more: given.update(more))
    monkeypatch.setattr(Place, "check", lambda *_: None)
    monkeypatch.setenv("MILVUS_TOKEN", "root:Milvus")
    connect(Place("http://milvus.example:19530"), 3)
    assert given == {"token": "root:Milvus", "timeout": 3}
    connect(Place(str(tmp_path / "cases.db")), 3)
    assert given["token"] == ""
    assert given["grpc_options"]["grpc.enable_http_proxy"] == 0  # a file is served on the loopback


@pytest.mark.server
def test_through_an_address(tmp_path):
    from milvus_lite.adapter.grpc.server import start_server_in_thread

    server, database, port = start_server_in_thread(str(tmp_path / "data"))
    try:
        rows = np.eye(6, 4, dtype=np.float32)
        rows[4:] = 0.5
        index = MilvusIndex(f"http://127.0.0.1:{port}")
        index.check()
        index.build(rows)
        index.save(tmp_path / "index")
        again = MilvusIndex()
        again.load(tmp_path / "index")
        assert again.search(rows[2:3], 1).rows.tolist() == [[2]]
        assert again.destination == "machine"
    finally:
        server.stop(grace=0)
        database.close()
    with pytest.raises(RemoteError, match="see that Milvus runs there"):
        MilvusIndex().load(tmp_path / "index")
