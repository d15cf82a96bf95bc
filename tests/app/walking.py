"""A user before the app in Debian's chromium: what they do, and a watch over what must never happen to them."""

import io
import json
import shutil
import subprocess
import wave
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import numpy as np
import pyarrow.parquet as pq
import pytest
from app.viewer.conftest import CHROMIUM, QUIET
from PIL import Image

from medxpert.cases import write_cases
from medxpert.folders import MANIFEST, read_json, seal
from medxpert.indexes.joined import cases_digests

HIT = "walked-in"
IMAGE = f"<img src=x onerror=document.title='{HIT}'>"
LINKS = "![a](https://example.invalid/a.png) [b](javascript:alert(1))"
TEXT = f"{LINKS} {IMAGE} <svg onload=alert(1)> <script>document.title='{HIT}'</script>"
"""No element may be made of it, wherever it stands."""
FILE = f"../../{IMAGE} **x**.png"
SHOWN_FILE = FILE.removeprefix("../../")
"""No folder is named by a file."""
RUN = "zz <img src=x onerror=alert(1)> [b](javascript:alert(1))"
SPOKEN = "large left pleural effusion"
_MADE = 'img[src="x"], img[src^="http"]:not([src^="http://127.0.0.1"]), [onload], [onerror], a[href^="javascript"]'
_SCRIPTS = f'[...document.scripts].filter((one) => one.textContent.includes("{HIT}")).length'
_PATIENCE_MS = 60_000
"""A browser, a server and a model share two cores."""
_RATE, _TONE_HZ = 22_050, 440
_AT = """() => {
  let at = document.activeElement
  while (at && at.shadowRoot && at.shadowRoot.activeElement) at = at.shadowRoot.activeElement
  return at
}"""
_NAME = "(at) => (at.getAttribute('aria-label') || at.textContent || at.title || at.tagName).trim().slice(0, 80)"
_SEEN = "(at) => { const a = at.getBoundingClientRect(); return a.width > 0 && a.bottom > 0 && a.top < innerHeight }"
_LOOK = """(at) => [at, at.parentElement, at.parentElement?.parentElement].filter(Boolean).map((one) => {
  const style = getComputedStyle(one)
  return [style.outline, style.boxShadow, style.border, style.backgroundColor, style.textDecoration].join()
}).join()"""
_STILL = "*, *::before, *::after { transition: none !important; animation: none !important }"
_FITS = "(main) => main.scrollWidth <= main.clientWidth"
_ARRIVED = '[data-testid="stApp"][data-test-script-state="notRunning"]:not(:has([data-testid="stSkeleton"]))'


class Voice(NamedTuple):
    """What the microphone hears; nothing is said where nothing here can speak."""

    path: Path
    said: str


class Walker:
    """One user with one tab."""

    def __init__(self, page, shots):
        self.page, self.shots, self.faults = page, shots, []
        page.on("dialog", self._dialog)
        page.on("pageerror", lambda error: self.faults.append(f"page error: {error}"))
        page.on("console", self._console)
        page.on("request", self._request)

    def _dialog(self, dialog):
        self.faults.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _console(self, message):
        if message.type == "error":
            self.faults.append(f"console: {message.text} {message.location.get('url', '')}")

    def _request(self, request):
        place = urlsplit(request.url)
        if place.scheme not in ("data", "blob") and place.hostname != "127.0.0.1":
            self.faults.append(f"request: {request.url}")

    def check(self):
        """Nothing ran, nothing was fetched from elsewhere, and no element was made of what a file or person said."""
        assert self.page.title() != HIT
        assert self.page.locator(_MADE).count() == 0
        assert self.page.evaluate(_SCRIPTS) == 0
        assert self.faults == []

    def rest(self):
        """Wait until the server has drawn all."""
        self.page.locator(_ARRIVED).wait_for()
        assert self.page.get_by_test_id("stException").count() == 0

    def open(self, title):
        """Go to a screen by the side bar."""
        self.page.get_by_test_id("stSidebarNav").get_by_role("link", name=title).click()
        self.page.locator(f'[data-testid="stSidebarNav"] a[aria-current="page"]:has-text("{title}")').wait_for()
        self.rest()

    def says(self, text, within=None):
        """Wait until a text stands on the page."""
        (within or self.page).get_by_text(text).first.wait_for()

    def until_both_say_other(self, before):
        """Wait until two films stand at the same setting, which is another than before."""
        told = "[...document.querySelectorAll('.setting')].map((one) => one.textContent)"
        self.page.wait_for_function(f"(old) => {{ const [a, b] = {told}; return a !== old && a === b }}", arg=before)

    def expect(self, what):
        """Return playwright's checks of an element, which wait until they hold."""
        from playwright.sync_api import expect

        expect.set_options(timeout=_PATIENCE_MS)
        return expect(what)

    def until_seen(self, what):
        """Wait until something is within the window, where a link has led to it."""
        self.page.wait_for_function(_SEEN, arg=what.element_handle())

    def press(self, name, within=None, exact=False):
        """Press a button."""
        (within or self.page).get_by_role("button", name=name, exact=exact).first.click()

    def choose(self, name):
        """Choose one of a group."""
        self.page.get_by_role("radio", name=name, exact=True).first.click()

    def drop(self, name, content, at=0):
        """Drop a file on an uploader."""
        file = {"name": name, "mimeType": "application/octet-stream", "buffer": content}
        self.page.locator('input[type="file"]').nth(at).set_input_files(file)

    def tick(self, table):
        """Tick the first row of a table, which is one canvas."""
        table.click(position={"x": 16, "y": 52})

    def shoot(self, name):
        """Keep a picture of what is seen."""
        self.rest()
        self.expect(self.page.get_by_role("note").get_by_text("Research use only, not for diagnosis.")).to_be_visible()
        self.page.screenshot(path=str(self.shots / f"{name}.png"))

    def write(self, box, text):
        """Write into a box, and Enter."""
        box.fill(text)
        box.press("Enter")

    def search(self, text):
        """Write what is looked for, and wait for the cases."""
        self.write(self.page.get_by_role("textbox", name="Search for"), text)
        self.says(f"cases for “{text}”")
        self.page.locator(".mx-card").nth(5).wait_for()

    def until_it_fits(self):
        """Wait until nothing is wider than the window."""
        self.page.wait_for_function(_FITS, arg=self.page.get_by_test_id("stMain").element_handle())

    def tab_to(self, names, most=150):
        """Press Tab until all controls had the focus, in this order; each is seen, and looks otherwise than without."""
        passed = []
        self.page.add_style_tag(content=_STILL)
        for name in names:
            while not passed or name not in passed[-1]:
                assert len(passed) < most, f"{name!r} is not among {passed}"
                self.page.keyboard.press("Tab")
                at = self.page.evaluate_handle(_AT).as_element()
                passed.append(at.evaluate(_NAME))
            assert at.evaluate(_SEEN), name
            focused = at.evaluate(_LOOK)
            at.evaluate("(at) => at.blur()")
            assert focused != at.evaluate(_LOOK), f"nobody sees that {name!r} has the focus"
            at.focus()


@contextmanager
def walks(browser, size, address, shots):
    """Let a user in on the first screen; when they leave, nothing has happened that must not."""
    context = browser.new_context(viewport=size)
    context.set_default_timeout(_PATIENCE_MS)
    walker = Walker(context.new_page(), shots)
    walker.page.goto(address)
    walker.says("Looked at, weighed and written in")
    walker.rest()
    yield walker
    walker.check()
    context.close()


@contextmanager
def chromium(sound):
    """Start Debian's chromium with a microphone that hears a file; skip where it or playwright is absent."""
    playwright = pytest.importorskip("playwright.sync_api")
    if not Path(CHROMIUM).exists():
        pytest.skip("needs Debian's chromium: apt-get install chromium")
    ears = ("device-for-media-stream", "ui-for-media-stream")
    flags = [*QUIET, *(f"--use-fake-{one}" for one in ears), f"--use-file-for-fake-audio-capture={sound}"]
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield opened
        opened.close()


def recording(path):
    """Write what the microphone hears, first a second of silence: words, or a tone where nothing can speak."""
    said = ""
    if shutil.which("espeak-ng"):
        raw = path.with_name("spoken.wav")
        subprocess.run(["espeak-ng", "-v", "en-us", "-s", "140", "-w", raw, SPOKEN], check=True)
        with wave.open(str(raw)) as file:
            rate, sound = file.getframerate(), np.frombuffer(file.readframes(file.getnframes()), np.int16)
        said = SPOKEN
    else:
        rate = _RATE
        sound = (9000 * np.sin(2 * np.pi * _TONE_HZ * np.arange(2 * rate) / rate)).astype(np.int16)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.concatenate([np.zeros(rate, np.int16), sound, np.zeros(8 * rate, np.int16)]).tobytes())
    return Voice(path, said)


def lay_out(run, folder):
    """Fill a working folder with a run, the latest, and beside it one whose reports attack whoever reads them."""
    shutil.copytree(run, folder / "outputs" / run.name)
    poison(Path(shutil.copytree(run, folder / "outputs" / RUN)))
    (folder / "outputs" / "latest").symlink_to(run.name)


def radiograph(folder):
    """Return a sample of a working folder's run at twice its size, as [H, W] of uint8."""
    with Image.open(folder / "outputs" / "latest" / "samples" / "sample_3.png") as picture:
        grey = picture.convert("L")
        return np.asarray(grey.resize((2 * grey.width, 2 * grey.height), Image.Resampling.BICUBIC))


def png(pixels):
    """Return a PNG."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def poison(run: Path):
    """Have all reports of a run's gallery and samples say what no page may take for markup; it stays sealed."""
    train, samples = run / "embeddings" / "train", run / "samples"
    rows = pq.read_table(train / "cases.parquet").to_pylist()
    write_cases(
        train / "cases.parquet",
        (
            {**one, "text": f"{one['text']} {TEXT}", "source": IMAGE, "study_id": f"{one['study_id']} {IMAGE}"}
            for one in rows
        ),
    )
    told = read_json(samples / "truth.json")
    (samples / "truth.json").write_text(json.dumps([{**one, "text": TEXT} for one in told]))
    for folder in (train, samples):
        _seal_again(folder)
    _seal_again(run / "index", cases=cases_digests([train]))


def _seal_again(folder, **changed):
    seal(folder, {name: value for name, value in read_json(folder / MANIFEST).items() if name != "files"} | changed)
