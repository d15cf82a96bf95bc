"""How long after the start of the server its first page can be used; no test, since no test asserts wall time.

A browser keeps streamlit's own scripts for a year, so the first visit ever is told apart from those after it.

$ PYTHONPATH=tests python -m app.load.first_page 5
"""

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from app.load.serving import free_port, module
from playwright.sync_api import sync_playwright

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]


def listening(port):
    """Tell whether somebody would answer; asking the browser would take half of the two cores."""
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def seconds(browser, folder, port):
    """Return the time from the start of a process to a page that shows the run."""
    page = browser.new_page()
    began = time.perf_counter()
    server = subprocess.Popen(module(port, f"folder={folder}"), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        while not listening(port):
            time.sleep(0.01)
        page.goto(f"http://127.0.0.1:{port}/", wait_until="commit")
        page.get_by_text("cases · policy").wait_for()
        return time.perf_counter() - began
    finally:
        page.close()
        server.terminate()
        server.wait()


def main(times):
    """Measure some starts and write what came of it."""
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        visitor = browser.new_context(viewport={"width": 1280, "height": 900})
        port = free_port()
        first, *taken = [seconds(visitor, folder, port) for _ in range(times + 1)]
    told = " ".join(f"{one:.2f}" for one in sorted(taken))
    load = os.getloadavg()[0]
    sys.stdout.write(
        f"first page: median {statistics.median(taken):.2f} s of {told}; first visit {first:.2f} s; load {load:.1f}\n"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
