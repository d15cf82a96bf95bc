"""Starts the app: `python -m medxpert.app [port=8501] [host=NAME] [key=value ...]`; --help lists the keys.

What keeps the server to this machine and silent is said here again, because flags win over every configuration file
and environment variable, while the file beside the script wins over other files only.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryFile
from threading import Thread
from time import sleep
from typing import Any, NamedTuple

from medxpert.app import credentials
from medxpert.app.configuration import configuration
from medxpert.config.reporting import leave
from medxpert.errors import ConfigError, MedXpertError, MissingExtraError
from medxpert.run import open_run

PORT = 8501
_SCRIPT = Path(__file__).with_name("main.py")
_ADDRESS = "127.0.0.1"
_HOSTS = ("localhost", _ADDRESS)
_FLAGS = (
    f"--server.address={_ADDRESS}",
    "--server.headless=true",
    "--server.fileWatcherType=none",
    "--server.enableXsrfProtection=true",
    "--server.enableCORS=true",
    "--server.enableStaticServing=false",
    "--server.enableAgentApi=false",
    "--browser.gatherUsageStats=false",
    "--client.showErrorDetails=none",
    "--client.showErrorLinks=false",
    "--client.toolbarMode=minimal",
    "--logger.hideWelcomeMessage=true",
    "--logger.level=warning",
    "--global.developmentMode=false",
)
_LONGEST_START_SECONDS, _PATIENCE_SECONDS = 60, 3


class Start(NamedTuple):
    """How the server starts.

    Attributes:
        port: that it listens on.
        hosts: names by which browsers may call it.
        arguments: of the app's own configuration.
    """

    port: int
    hosts: tuple[str, ...]
    arguments: tuple[str, ...]


def main() -> None:
    """Check what was typed, then serve until interrupted."""
    typed = sys.argv[1:]
    if any(one.startswith("-") for one in typed):
        _explain()
        return
    try:
        start = started(typed)
        cfg = configuration(start.arguments)
        credentials.check(cfg.user_header, cfg.token)
        check_ready(str(cfg.run), Path(cfg.folder))
        check_free(start.port)
        _serve(flags_of(start, cfg.max_megabytes), cfg.user_header is None and cfg.token is None)
    except MedXpertError as error:
        leave(error)


def check_ready(run: str, folder: Path) -> None:
    """Refuse now what the first page would refuse.

    Raises:
        ConfigError: there is no such run, or the app's folder cannot be written.
        DataError: the run is not complete.
    """
    open_run(run)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        TemporaryFile(dir=folder).close()
    except OSError as error:
        raise ConfigError(f"folder={folder}: cannot be written ({error.strerror}); give another folder=") from error


def _explain() -> None:
    """Show the help or the version, or refuse an unknown flag."""
    from medxpert.config.command import command

    command("app")(lambda cfg: None)()


def started(typed: Sequence[str]) -> Start:
    """Take the server's own keys out of what was typed.

    Raises:
        ConfigError: the port is none.
    """
    own = dict(one.split("=", 1) for one in typed if one.startswith(("port=", "host=")))
    rest = tuple(one for one in typed if not one.startswith(("port=", "host=")))
    port = own.get("port", str(PORT))
    if not port.isascii() or not port.isdigit() or not 1 <= int(port) <= 65_535:
        raise ConfigError(f"port: expected a number from 1 to 65535, found {port!r}; try port={PORT}")
    named = tuple(name.strip() for name in own.get("host", "").split(",") if name.strip())
    return Start(int(port), (*_HOSTS, *named), rest)


def check_free(port: int) -> None:
    """Check that nobody listens on a port.

    Raises:
        ConfigError: somebody does, or this user may not.
    """
    with socket.socket() as link:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            link.bind((_ADDRESS, port))
        except OSError as error:
            reason = error.strerror or str(error)
            raise ConfigError(
                f"port: expected a free one, found {port}: {reason}; give another, port={PORT + 1}"
            ) from None


def flags_of(start: Start, max_megabytes: int) -> list[str]:
    """Return the command line of streamlit."""
    hosts = (f"--server.allowedHosts={name}" for name in start.hosts)
    own = (f"--server.port={start.port}", f"--server.maxUploadSize={max_megabytes}", *hosts)
    return ["run", str(_SCRIPT), *_FLAGS, *own, "--", *start.arguments]


def _serve(flags: Sequence[str], drawn_counts: bool) -> None:
    try:
        import uvicorn
        from streamlit.components.v2 import manifest_scanner
        from streamlit.web import cli
    except ImportError:
        raise MissingExtraError("streamlit", "app") from None
    # it would read the metadata of every installed package, half a second, to serve the components they may bring
    manifest_scanner.scan_component_manifests = _no_manifests
    # one request that never ends would keep the server from ending
    uvicorn.Config = partial(uvicorn.Config, timeout_graceful_shutdown=_PATIENCE_SECONDS)  # type: ignore[misc,assignment]
    Thread(target=_announce, args=(drawn_counts,), name="announce", daemon=True).start()
    cli.main(list(flags), prog_name="python -m medxpert.app")


def _no_manifests(max_workers: int | None = None) -> list[Any]:
    return []


def _announce(drawn_counts: bool) -> None:
    """Say where the app is as soon as it is there, and load what every page needs while a browser loads."""
    from streamlit import runtime

    for _ in range(_LONGEST_START_SECONDS * 20):
        if runtime.exists():
            break
        sleep(0.05)
    credentials.announce(drawn_counts)
    # these take a while, and nothing of them is needed to listen
    import_module("medxpert.app.frame")
    import_module("medxpert.app.screens.diagnose")


if __name__ == "__main__":
    main()
