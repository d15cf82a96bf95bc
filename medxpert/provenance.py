"""What a run was made with, so that its numbers can be made again."""

from __future__ import annotations

import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGES = (
    "torch",
    "pytorch-lightning",
    "transformers",
    "open_clip_torch",
    "faiss-cpu",
    "faiss-gpu",
    "numpy",
    "pyarrow",
)


def environment() -> dict[str, object]:
    """Return time (UTC), MedXpert's version and commit, Python, platform and the versions of the main packages."""
    return {
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        **code(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: found for name in _PACKAGES if (found := _version(name))},
    }


def code() -> dict[str, str | None]:
    """Return MedXpert's version and commit."""
    return {"version": _version("medxpert"), "commit": _commit()}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _commit() -> str | None:
    """Return the checkout's commit, "-dirty" if files differ from it; None for an installed package or without git."""
    project = Path(__file__).parents[1]
    if not (project / ".git").exists():  # site-packages may lie within somebody else's checkout
        return None
    describe = ["git", "describe", "--always", "--dirty", "--exclude=*", "--abbrev=40"]
    try:
        found = subprocess.run(describe, cwd=project, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return found.stdout.strip()
