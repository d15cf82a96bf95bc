"""What the server lets nobody do, however it is started."""

import os
import socket
import time
from functools import partial
from urllib.parse import quote

import pytest
from app.load.browser import XSRF, Browser, request, xsrf
from app.load.serving import module, script, served
from app.test_content import picture
from websockets.exceptions import InvalidStatus

pytestmark = pytest.mark.server

_HOSTILE = """
[server]
address = "0.0.0.0"
enableCORS = false
enableXsrfProtection = false
enableStaticServing = true
allowedHosts = ["*"]
[browser]
gatherUsageStats = true
[client]
showErrorDetails = "full"
"""
_ENTRANCE = """
from medxpert.app import access
access.enter()
access.sidebar()
"""
_KEEPER = """
import streamlit as st
from medxpert.app import leaving, uploads
leaving.GRACE_SECONDS, uploads.SWEEP_SECONDS = 0.0, 0.1
from medxpert.errors import DataError
dropped = st.file_uploader("Film", key="film")
if dropped is not None:
    try:
        kept = uploads.keep_image(dropped.name, dropped.getvalue())
        st.text(f"{kept.name} at {kept.path}")
    except DataError as error:
        st.error(str(error))
"""


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """Return a folder that is home and working folder, and whose configuration of streamlit opens every door."""
    folder = tmp_path_factory.mktemp("hostile")
    run = folder / "outputs" / "a_run"
    run.mkdir(parents=True)
    (run / "provenance.json").write_text("{}")
    (run.parent / "latest").symlink_to(run.name)
    (folder / ".streamlit").mkdir()
    (folder / ".streamlit" / "config.toml").write_text(_HOSTILE)
    return folder


@pytest.fixture(scope="module")
def server(hostile):
    with served(module, hostile, f"folder={hostile / 'app'}", HOME=str(hostile)) as one:
        yield one


@pytest.fixture
def small(tmp_path):
    """Return what serves one small screen."""

    def serve(text, *arguments):
        path = tmp_path / "screen.py"
        path.write_text(text)
        flags = ("--server.address=127.0.0.1", "--server.headless=true", "--browser.gatherUsageStats=false")
        return served(partial(script, path=path, flags=flags), tmp_path, f"folder={tmp_path / 'app'}", *arguments)

    return serve


@pytest.fixture
def keeper(small):
    """Return a server whose only screen keeps what is dropped."""
    with small(_KEEPER, "max_megabytes=1") as one:
        yield one


@pytest.fixture
def entrance(small):
    """Return a server whose only screen tells who its user is."""
    with small(_ENTRANCE) as one:
        yield one


@pytest.mark.parametrize(
    ("command", "variables"),
    [
        (module, {"STREAMLIT_SERVER_ADDRESS": "0.0.0.0", "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "true"}),
        (script, {}),
    ],
    ids=["module", "script"],
)
def test_it_listens_on_this_machine_only_and_counts_nobody(hostile, command, variables):
    with served(command, hostile, f"folder={hostile / 'app'}", HOME=str(hostile), **variables) as one:
        assert one.addresses == {"127.0.0.1"}
        page = Browser(one.port).page
        assert not page.told.config.gather_usage_stats
        assert request(one.port, "PUT", f"/_stcore/upload_file/{page.session_id}/1", b"").status == 403
        with pytest.raises(InvalidStatus):
            Browser(one.port, host="evil.example", origin="http://evil.example")


def test_the_terminal_shows_the_address_that_vouches(entrance):
    port = entrance.port
    assert "Signed in" not in Browser(port, query="token=wrong").page.text
    told = entrance.log.read_text()
    token = told.split("?token=")[1].split()[0]
    browser = Browser(port, query=f"token={quote(token)}")
    assert "Signed in with the token" in browser.page.text
    assert "token" not in browser.query
    proof = next(one.body for one in browser.page.of("html") if "document.cookie" in one.body)
    assert token not in proof
    cookie = {"Cookie": proof.split("'")[1].split(";")[0]}
    assert "Signed in with the token" in Browser(port, headers=cookie).page.text
    assert "Signed in" not in Browser(port, headers=cookie, origin="http://localhost:9999").page.text
    assert entrance.log.read_text().count(token) == 1


@pytest.mark.parametrize(
    ("origin", "host"), [("http://evil.example", None), ("http://evil.example", "evil.example"), (None, "evil.example")]
)
def test_pages_of_other_sites_reach_no_session(server, origin, host):
    with pytest.raises(InvalidStatus):
        Browser(server.port, origin=origin, host=host)


def test_no_header_is_believed_where_no_proxy_was_named(entrance):
    for name in ("X-Forwarded-User", "Remote-User", "X-Auth-Request-User"):
        assert "mallory" not in Browser(entrance.port, headers={name: "mallory"}).page.text


def test_behind_a_proxy_its_header_names_the_user(small):
    with small(_ENTRANCE, "user_header=X-Forwarded-User") as one:
        public = {"origin": "https://films.example", "host": "films.example"}
        assert "Signed in as Ada" in Browser(one.port, headers={"X-Forwarded-User": "Ada"}, **public).page.text
        assert "Not signed in" in Browser(one.port, **public).page.text
        assert "token" not in one.log.read_text()


def test_uploads_need_a_session_and_its_proof_and_have_a_limit(server):
    browser = Browser(server.port)
    place = f"/_stcore/upload_file/{browser.page.session_id}/one"
    film = picture("PNG")
    assert browser.put(place, "a.png", film).status == 204
    assert browser.put(place, "a.png", film, **{"X-Xsrftoken": xsrf(server.port)[:-4] + "0000"}).status == 403
    assert browser.put("/_stcore/upload_file/another/one", "a.png", film).status == 400
    assert browser.put(place, "a.png", bytes(70 << 20)).status == 413


def test_nothing_on_disk_can_be_fetched(server, hostile):
    (hostile / "app" / "uploads").mkdir(parents=True, exist_ok=True)
    (hostile / "app" / "uploads" / "film.png").write_bytes(picture("PNG"))
    session = Browser(server.port).page.session_id
    paths = ["app/uploads/film.png", "app/static/../uploads/film.png", "media/../../app/uploads/film.png"]
    paths += [f"_stcore/upload_file/{session}/one", "component/../../../etc/passwd", "media/%2e%2e/%2e%2e/etc/passwd"]
    paths += ["_stcore/bidi-components/..%2f..%2f..%2fetc/passwd"]
    for path in paths:
        got = request(server.port, "GET", f"/{path}")
        assert got.content != picture("PNG"), path
        assert b"root:" not in got.content, path
        assert got.status >= 400 or b"<!doctype html>" in got.content.lower(), path


def test_a_hostile_name_stays_in_the_sessions_own_folder(keeper, tmp_path):
    one, other = Browser(keeper.port), Browser(keeper.port)
    places = []
    for browser, name in ((one, "../../../<script>alert(1)</script>.png"), (other, "a.png")):
        shown = browser.drop("film", name, picture("PNG")).text
        places.append(shown.partition(" at ")[2].strip())
        assert shown.startswith("script>.png at " if browser is one else "a.png at ")
    assert all(place.startswith(f"{tmp_path / 'app' / 'uploads'}{os.sep}") for place in places)
    assert os.path.dirname(places[0]) != os.path.dirname(places[1])
    assert os.path.basename(places[0]) == os.path.basename(places[1])
    assert "found markup; save it as PNG" in one.drop("film", "a.png", b"<svg onload=alert(1)>").text


def test_what_was_uploaded_goes_when_its_session_does(keeper, tmp_path):
    here, away = Browser(keeper.port), Browser(keeper.port)
    kept = [one.drop("film", "a.png", picture("PNG")).text.partition(" at ")[2].strip() for one in (here, away)]
    away.close()
    for _ in range(100):
        if not os.path.exists(kept[1]):
            break
        time.sleep(0.1)
    assert [os.path.exists(path) for path in kept] == [True, False]
    keeper.process.terminate()
    keeper.process.wait(20)
    assert {path.name for path in (tmp_path / "app" / "uploads").iterdir()} == {".lock"}


def test_a_request_that_never_ends_does_not_keep_the_server(hostile):
    with served(module, hostile, f"folder={hostile / 'app'}") as one, socket.socket() as link:
        browser = Browser(one.port)
        link.connect(("127.0.0.1", one.port))
        head = f"PUT /_stcore/upload_file/{browser.page.session_id}/1 HTTP/1.1\r\nHost: localhost\r\n"
        proof = f"X-Xsrftoken: {browser.token}\r\nCookie: {XSRF}={browser.token}\r\n"
        form = "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 999\r\n\r\n--x"
        link.sendall(f"{head}{proof}{form}".encode())
        time.sleep(0.5)
        one.process.terminate()
        assert one.process.wait(15) is not None
