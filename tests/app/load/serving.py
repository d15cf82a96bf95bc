"""The app's server in a process of its own."""

import os
import re
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil

APP = Path(__file__).parents[3] / "medxpert" / "app" / "main.py"


class Served(NamedTuple):
    """A server that runs."""

    port: int
    process: subprocess.Popen
    log: Path

    @property
    def place(self):
        """The address that the terminal shows, once it does: the port is open a little earlier."""
        end = time.monotonic() + 60
        while not (found := re.search(r"MedXpert: (\S+)\n", self.log.read_text())):
            assert time.monotonic() < end, self.log.read_text()
            time.sleep(0.05)
        return found[1]

    @property
    def addresses(self):
        """Where it listens."""
        links = psutil.Process(self.process.pid).net_connections("inet")
        return {link.laddr.ip for link in links if link.status == psutil.CONN_LISTEN}


def free_port():
    """Return a port that nobody listens on."""
    with socket.socket() as link:
        link.bind(("127.0.0.1", 0))
        return link.getsockname()[1]


def module(port, *arguments):
    """Return the command of an installed package."""
    return [sys.executable, "-m", "medxpert.app", f"port={port}", *arguments]


def script(port, *arguments, path=APP, flags=()):
    """Return the command of a checkout."""
    return [sys.executable, "-m", "streamlit", "run", str(path), f"--server.port={port}", *flags, "--", *arguments]


@contextmanager
def served(command, cwd, *arguments, **variables):
    """Start a server by a command, and end it."""
    port = free_port()
    log = Path(cwd) / f"server-{port}.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            command(port, *arguments), cwd=cwd, env={**os.environ, **variables}, stdout=out, stderr=subprocess.STDOUT
        )
        try:
            _await(port, process, log)
            yield Served(port, process, log)
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _await(port, process, log):
    for _ in range(1200):
        with socket.socket() as link:
            if link.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise RuntimeError(log.read_text())
