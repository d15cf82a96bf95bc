"""Screens drawn without a browser, on the small run."""

import logging
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import streamlit as st
from hydra.core.hydra_config import HydraConfig
from streamlit.testing.v1 import AppTest

from medxpert.app import access
from medxpert.app.editing import downloading, keeping
from medxpert.app.opening import Settings

_SCRIPT = """
from medxpert.app.frame import framed
from medxpert.app.screens import {name}
framed({name}.page)
"""


@pytest.fixture(autouse=True)
def _no_scan(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for no components in the metadata of all installed packages, which each new session otherwise does."""
    monkeypatch.setattr("streamlit.components.v2.manifest_scanner.scan_component_manifests", lambda: [])


@pytest.fixture(autouse=True)
def _own_main(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the program back that a drawn screen takes the place of: processes that are spawned later begin with it."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


@pytest.fixture(autouse=True)
def _own_settings() -> None:
    """Leave neither a command's configuration nor its log handlers to the tests that follow."""
    handlers, cfg = logging.getLogger().handlers[:], HydraConfig.instance().cfg
    yield
    logging.getLogger().handlers[:] = handlers
    HydraConfig.instance().cfg = cfg


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let parts of a screen be drawn without a run: the app's folder is tmp_path/app, the user nobody in particular."""
    told = Settings("latest", tmp_path / "app", "private", 6, 64, 64, None, "a token")
    for room in (keeping, downloading):
        monkeypatch.setattr(room, "settings", lambda: told)
    monkeypatch.setattr(access, "user", lambda: access.User("", False))
    monkeypatch.setattr(access, "owner", lambda: "me")


@pytest.fixture
def screen(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., AppTest]:
    """Return what draws a screen for a new session: `screen("search", "top_k=3")`; the app's folder is tmp_path/app."""
    monkeypatch.chdir(project)

    def draw(name: str, *arguments: str) -> AppTest:
        monkeypatch.setattr(sys, "argv", ["main.py", f"folder={tmp_path / 'app'}", *arguments])
        return AppTest.from_string(_SCRIPT.format(name=name), default_timeout=60).run()

    yield draw
    st.cache_resource.clear()
