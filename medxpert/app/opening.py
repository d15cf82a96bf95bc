"""Opens what the app is started with, once per server: settings, runs and their assistants, the recogniser."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import streamlit as st
from omegaconf import DictConfig, OmegaConf

from medxpert.app.configuration import configuration
from medxpert.app.previewing import keep_preview
from medxpert.assistant import Assistant
from medxpert.audit import Audit
from medxpert.config.build import build
from medxpert.delivery import Delivery
from medxpert.drafting import Drafting
from medxpert.exchange import Exporter, Recogniser
from medxpert.folders import MANIFEST
from medxpert.gating import Gate
from medxpert.privacy import checked
from medxpert.run import OUTPUTS, PROVENANCE, Run, open_run
from medxpert.words import Policy


@dataclass(frozen=True)
class Settings:
    """What the app was started with.

    Attributes:
        run: that is opened first.
        folder: all that the app writes.
        policy: of uploaded images and typed texts, unless their user says otherwise.
        top_k: similar cases shown.
        max_megabytes: of an upload.
        max_megapixels: of an image.
        user_header: names the user, where an authenticating proxy stands before the app.
        token: opens what is not open; None to have one drawn.
    """

    run: str
    folder: Path
    policy: Policy
    top_k: int
    max_megabytes: int
    max_megapixels: int
    user_header: str | None
    token: str | None


@dataclass(frozen=True)
class Opened:
    """One run with all that answers from it; shared by all sessions.

    Attributes:
        run: on disk.
        assistant: the one that infer.py asks; `assistant.under(policy, say)` for one query.
        exporters: format -> what writes it.
        state: tells the run's folder and what was written there when it was opened.
    """

    run: Run
    assistant: Assistant
    exporters: Mapping[str, Exporter]
    state: str

    @cached_property
    def delivery(self) -> Delivery:
        """Makes files of answers."""
        return Delivery(self.assistant.gallery, self.exporters)


def _composed() -> DictConfig:
    cfg: DictConfig = configuration(tuple(sys.argv[1:]))
    return cfg


def settings() -> Settings:
    """Return what the app was started with.

    Raises:
        ConfigError: it cannot be honoured; one line per fault.
    """
    cfg = _composed()
    names = ("top_k", "max_megabytes", "max_megapixels", "user_header", "token")
    values = {name: cfg[name] for name in names}
    return Settings(run=str(cfg.run), folder=Path(cfg.folder), policy=checked(cfg.policy), **values)


def opened() -> Opened:
    """Return the run that this session looks at, opened anew when its index or provenance was written again.

    Raises:
        ConfigError: there is no such run, or a part of the configuration cannot be built.
        DataError: the run is damaged.
    """
    run = open_run(chosen_run())
    return _opened(str(run.path), tuple(sys.argv[1:]), _state(run))


def _state(run: Run) -> str:
    """Tell the manifest of a run's index and its provenance, which says under what policy, from any others."""
    files = (run.index / MANIFEST, run.path / PROVENANCE)
    content = [path.read_bytes() if path.is_file() else b"" for path in files]
    return hashlib.sha256(b"\0".join([str(run.path).encode(), *content])).hexdigest()


@st.cache_resource(show_spinner=False, max_entries=3)
def _opened(path: str, arguments: tuple[str, ...], state: str) -> Opened:
    cfg = configuration(arguments)
    run = open_run(path)
    gate = Gate(build(cfg.reporter), Audit(), cfg.confirm_no_text, keep_preview)
    drafting = Drafting(gate, cfg.unsupported)
    assistant = Assistant(run, drafting, build(cfg.rule), cfg.policy, build(cfg.captioner), build(cfg.encoder))
    return Opened(run, assistant, build(cfg.export) or {}, state)


@st.cache_resource(show_spinner=False)
def recogniser() -> Recogniser:
    """Return what listens; opened by the first who speaks.

    Raises:
        ConfigError: a package or a model is missing.
    """
    built: Recogniser = build(_composed().recogniser)
    return built


def described(node: Mapping[str, Any]) -> Any:
    """Build what a run's configuration describes.

    Raises:
        ConfigError: a constructor refuses its arguments.
    """
    return build(OmegaConf.create(dict(node)))


def chosen_run() -> str:
    """Return the name of the run that this session looks at."""
    return str(st.session_state.get("run") or settings().run)


def run_names() -> list[str]:
    """Return the names of the finished runs under outputs/, the newest first."""
    found = (path for path in OUTPUTS.glob("*/") if (path / PROVENANCE).is_file() and not path.is_symlink())
    return sorted((path.name for path in found), reverse=True)
