"""How a command speaks: log records and one line per fault on stderr, and an exit status."""

from __future__ import annotations

import logging
import os
import sys
import time
import traceback
from typing import NoReturn

from medxpert.config.ranks import own_rank
from medxpert.errors import ConfigError, MedXpertError

log = logging.getLogger(__name__)
_INTERRUPTED = 130
_PATIENCE_SECONDS = 10.0


def leave(error: BaseException, prefix: str = "", common: bool = False) -> NoReturn:
    """End the process with the exit status of an error, after reporting it.

    Args:
        error: what ended the command.
        prefix: of every line.
        common: whether all cooperating processes find the same error at the same place; rank 0 alone reports it.
    """
    if own_rank() and isinstance(error, ConfigError) and not common:
        time.sleep(_PATIENCE_SECONDS)  # torchrun ends all processes when one has failed: what rank 0 said is said once
    said_by_rank_0 = common or isinstance(error, KeyboardInterrupt) or exit_status(error) == 0
    if not (own_rank() and said_by_rank_0):
        report(error, prefix)
    raise SystemExit(exit_status(error)) from None


def exit_status(error: BaseException) -> int:
    """Return the status that tells who must act."""
    if isinstance(error, KeyboardInterrupt):
        return _INTERRUPTED
    return error.exit_status if isinstance(error, MedXpertError) else 1


def report(error: BaseException, prefix: str = "") -> None:
    """Write one line per fault to stderr, after the traceback if MEDXPERT_DEBUG=1; an end without fault has none."""
    if exit_status(error) == 0:
        log.info("%s%s", prefix, error)
        return
    if os.environ.get("MEDXPERT_DEBUG") == "1":
        traceback.print_exception(error)
    from rich.console import Console
    from rich.markup import escape

    console = Console(stderr=True, highlight=False, emoji=False)
    for line in lines(error):
        console.print(f"{_speaker()}[bold red]error:[/] {escape(prefix + line)}", soft_wrap=True)


def lines(error: BaseException) -> list[str]:
    """Say what is wrong, a line per fault."""
    if isinstance(error, KeyboardInterrupt):
        return [str(error) or "interrupted"]
    if isinstance(error, MedXpertError):
        return str(error).splitlines()
    message = " ".join(str(error).split())
    return [f"unexpected {type(error).__name__}: {message} (set MEDXPERT_DEBUG=1 for the traceback)"]


def log_to_stderr() -> None:
    """Send log records to stderr, in colours on a terminal and as plain lines elsewhere."""
    handler: logging.Handler = logging.StreamHandler()
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.logging import RichHandler

        handler = RichHandler(console=Console(stderr=True), show_path=False, log_time_format="%H:%M:%S")
    logging.basicConfig(format=f"{_speaker()}%(message)s", handlers=[handler], force=True)
    for name in ("medxpert", "hydra._internal.core_plugins", "hydra_plugins"):  # Others: warnings only.
        logging.getLogger(name).setLevel(logging.INFO)


def _speaker() -> str:
    return f"rank {own_rank()}: " if own_rank() else ""
