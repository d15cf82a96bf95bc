"""A page with a viewer in Debian's chromium."""

import base64
import io
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
QUIET = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync")
HOSTILE = "<img src=x onerror=\"document.title='hit'\"> **bold**"
_TWO_PICTURES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
PAGE = """
from pathlib import Path
import numpy as np
import streamlit as st
from medxpert.app.viewer.viewer import Film, viewer

folder = Path({folder!r})
st.session_state["runs"] = st.session_state.get("runs", 0) + 1
st.button("again")
st.text(f"run {{st.session_state['runs']}}")
heat = np.zeros((8, 8), np.float32)
heat[5, 2] = 1
films = {{
    "one": [Film(folder / "wide.png", {hostile!r})],
    "deep": [Film(folder / "deep.dcm", "deep")],
    "heat": [Film(folder / "wide.png", f"film, run {{st.session_state['runs']}}", heat, "Edema", (0.6875, 0.3125))],
    "two": [Film(folder / "wide.png", "earlier"), Film(folder / "tall.png", "current")],
}}[st.query_params["films"]]
if st.checkbox("shown", True):
    viewer(films, "viewer", height_px=400)
"""


@pytest.fixture
def hostile_name():
    return HOSTILE


@pytest.fixture(scope="module")
def folder(tmp_path_factory, write_dicom):
    folder = tmp_path_factory.mktemp("viewer")
    ramp = np.tile(np.linspace(0, 255, 300), (200, 1)).astype(np.uint8)
    Image.fromarray(ramp).save(folder / "wide.png")
    Image.fromarray(np.ascontiguousarray(ramp.T)).resize((500, 900)).save(folder / "tall.png")
    write_dicom(folder / "deep.dcm", np.arange(40000, dtype=np.uint16).reshape(200, 200) % 4096)
    (folder / "page.py").write_text(PAGE.format(folder=str(folder), hostile=HOSTILE), "utf-8")
    return folder


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.fixture(scope="module")
def address(folder):
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", str(folder / "page.py"), "--server.port", str(port)]
    flags = {"address": "127.0.0.1", "headless": "true", "fileWatcherType": "none"}
    command += [part for name, value in flags.items() for part in (f"--server.{name}", value)]
    paths = os.pathsep.join(filter(None, [str(Path(__file__).parents[3]), os.environ.get("PYTHONPATH")]))
    told = {**os.environ, "PYTHONPATH": paths, "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false"}
    with (
        (folder / "server.log").open("w") as log,
        subprocess.Popen(command, cwd=folder, env=told, stderr=log) as server,
    ):
        try:
            wait_for(f"http://127.0.0.1:{port}/_stcore/health", server)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def wait_for(address, server):
    for _ in range(300):
        assert server.poll() is None, "the server has ended"
        try:
            return urllib.request.urlopen(address, timeout=5).close()
        except OSError:
            time.sleep(0.1)
    raise TimeoutError(address)


@pytest.fixture(scope="module")
def chromium():
    playwright = pytest.importorskip("playwright.sync_api")
    if not Path(CHROMIUM).exists():
        pytest.skip("needs Debian's chromium: apt-get install chromium")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield browser
        browser.close()


class Screen:
    """A page with one viewer."""

    def __init__(self, page):
        self.page, self.errors = page, []
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def stage(self, index=0):
        return self.page.locator(".stage").nth(index)

    def settle(self):
        """Wait until what was asked for is painted, which happens with the next picture of the screen."""
        self.page.evaluate(_TWO_PICTURES)

    def until(self, happened, what=""):
        """Wait until something holds; fail when it does not."""
        end = time.monotonic() + 20
        while not happened():
            assert time.monotonic() < end, what
            self.settle()

    def setting(self, index=0):
        self.settle()
        return self.page.locator(".setting").nth(index).text_content()

    def zoom(self, index=0):
        return int(re.search(r"(\d+) %", self.setting(index))[1])

    def pixels(self, index=0):
        """Return the canvas as [H, W, 4]."""
        self.settle()
        url = self.page.locator("canvas").nth(index).evaluate("(canvas) => canvas.toDataURL()")
        return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.split(",")[1])))).astype(int)

    def press(self, key, index=0):
        self.stage(index).focus()
        self.page.keyboard.press(key)
        self.settle()

    def drag(self, x, y, button="left", index=0):
        area = self.stage(index).bounding_box()
        across, down = area["x"] + area["width"] / 2, area["y"] + area["height"] / 2
        self.page.mouse.move(across, down)
        self.page.mouse.down(button=button)
        self.page.mouse.move(across + x / 2, down + y / 2)
        self.page.mouse.move(across + x, down + y)
        self.page.mouse.up(button=button)

    def rerun(self):
        before = self.page.get_by_text(re.compile(r"^run \d+$")).text_content()
        self.page.get_by_role("button", name="again").click()
        after = f"run {int(before.split()[1]) + 1}"
        self.page.get_by_text(after, exact=True).wait_for()


@pytest.fixture
def show(chromium, address):
    contexts = []

    def open_page(films, **options):
        context = chromium.new_context(viewport={"width": 1000, "height": 800}, **options)
        contexts.append(context)
        context.set_default_timeout(60_000)
        screen = Screen(context.new_page())
        screen.page.goto(f"{address}/?films={films}")
        screen.page.locator(".setting").first.wait_for()
        screen.settle()
        return screen

    yield open_page
    for context in contexts:
        context.close()
