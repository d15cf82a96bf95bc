"""Twenty users at once: no error, nobody sees what belongs to another, memory stays where it is."""

import hashlib
import io
import logging
import os
import random
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Thread
from typing import NamedTuple

import numpy as np
import psutil
import pytest
from app.load.browser import Browser
from app.load.serving import module, served
from PIL import Image

pytestmark = pytest.mark.load

NUM_SESSIONS, NUM_OWN, NUM_SAMPLES = 20, 2, 3
SECONDS = float(os.environ.get("MEDXPERT_LOAD_SECONDS", "300"))
PAUSE_SECONDS = (1.0, 5.0)
WARM = 0.4
"""The share of the time in which every session comes to hold all the answers that it will hold."""
MOST_GROWTH = 0.05
_PASSING = re.compile(r"\d+(\.\d+)? s\b|\d\d:\d\d(:\d\d)?|[0-9a-f]{40}(-dirty)?")
"""Times, and the commit of a checkout that somebody works in."""


class Film(NamedTuple):
    """One image that one session uploads."""

    name: str
    content: bytes

    @property
    def sha256(self):
        return hashlib.sha256(self.content).hexdigest()


class User(NamedTuple):
    """What one user did."""

    right: int
    sent: set
    browser: Browser


class Watch:
    """Takes down what a server's memory is, once a second."""

    def __init__(self, process):
        self.process, self.stopped, self.seen = psutil.Process(process.pid), Event(), []
        self.thread = Thread(target=self._watch, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *error):
        self.stopped.set()
        self.thread.join()

    def _watch(self):
        began = time.monotonic()
        while not self.stopped.wait(1.0):
            self.seen.append((time.monotonic() - began, self.process.memory_info().rss / 2**20))

    def growth(self):
        """Return by which share a line through what was seen after the warm-up rises, and its beginning in MB."""
        seconds, megabytes = np.asarray([one for one in self.seen if one[0] >= WARM * SECONDS]).T
        slope, begin = np.polyfit(seconds - seconds[0], megabytes, 1)
        return slope * (seconds[-1] - seconds[0]) / begin, begin


def films(samples, session):
    """Return images that only one session has: samples with a few pixels of its own."""
    made = []
    for number in range(NUM_OWN):
        pixels = np.asarray(Image.open(samples[(session + 3 * number) % len(samples)]).convert("L")).copy()
        pixels[: 2 + session, : 8 + 8 * number] = 40 + 9 * session
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "PNG")
        made.append(Film(f"film {session}-{number}.png", buffer.getvalue()))
    return made


def told(page, name=""):
    """Return what a page says of an image, without its name and the time that it took."""
    assert not page.of("exception"), page.of("exception")
    text = _PASSING.sub("", page.text)
    assert name in text
    return text.replace(name, "")


def alone(port, todo):
    """Return what each image's page says where nobody else is there."""
    expected = {}
    for what in todo:
        browser = Browser(port)
        expected[what] = look(browser, what)
        browser.close()
    return expected


def look(browser, what):
    """Drop an image, or pick one of the run's own studies, and return what the page says."""
    if not isinstance(what, Film):
        return told(browser.press(f"diagnose.sample.{what}"))
    place = browser.page.of("file_uploader")[0].id.rpartition("-")[2]
    return told(browser.drop(place, what.name, what.content), what.name)


def use(port, own, samples, expected, until, seed):
    """Be one user: look at own images and at samples in turns of chance; return what came of it."""
    chance, browser, right, sent = random.Random(seed), Browser(port), 0, set()
    while time.monotonic() < until:
        what = chance.choice([*own, *samples])
        if isinstance(what, Film):
            sent.add(what.sha256)
        assert look(browser, what) == expected[what], (
            f"session {seed} got another answer for {getattr(what, 'name', what)}"
        )
        right += 1
        time.sleep(chance.uniform(*PAUSE_SECONDS))
    return User(right, sent, browser)


def test_twenty_users_for_five_minutes(project, tmp_path):
    paths = sorted((project / "outputs" / "latest" / "samples").glob("*.png"))
    own = {session: films(paths, session) for session in range(NUM_SESSIONS)}
    samples = [path.stem for path in paths[:NUM_SAMPLES]]
    folder = tmp_path / "app"
    with served(module, project, f"folder={folder}") as server:
        expected = alone(server.port, [*samples, *(film for some in own.values() for film in some)])
        assert len({expected[film] for some in own.values() for film in some}) > NUM_SESSIONS / 2
        until = time.monotonic() + SECONDS
        with Watch(server.process) as watch, ThreadPoolExecutor(NUM_SESSIONS) as pool:
            asked = [
                pool.submit(use, server.port, own[session], samples, expected, until, session)
                for session in range(NUM_SESSIONS)
            ]
            done = [one.result() for one in asked]
        _check_rooms(folder / "uploads", own.values(), done)
        log = server.log.read_text()
    assert "Traceback" not in log
    assert "Exception" not in log
    assert min(user.right for user in done) > 0
    growth, megabytes = watch.growth()
    logging.getLogger(__name__).warning(
        "%d answers, %.0f MB, growth %.2f %%", sum(user.right for user in done), megabytes, 100 * growth
    )
    assert growth < MOST_GROWTH
    assert not any((folder / "uploads").glob("*-*"))


def _check_rooms(uploads: Path, own, users):
    """No folder holds images of two sessions, and each user's holds exactly what that user sent."""
    rooms = [{path.stem for path in room.iterdir()} for room in uploads.glob("*-*")]
    for room in rooms:
        assert any(room <= {film.sha256 for film in some} for some in own)
    assert all(user.sent in rooms for user in users if user.sent)
