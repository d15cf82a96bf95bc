"""Remembers what a command line was composed to and found right, so that Hydra need not do it again.

What is remembered belongs to the YAML, the modules and the installed packages as they were: when one of them changes,
everything is composed and checked anew. Texts and paths that are taken letter by letter are no part of it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any, NamedTuple

from medxpert.checksums import default_cache
from medxpert.config.jobs import is_swept
from medxpert.config.overrides import LITERAL_KEYS, literal
from medxpert.config.ranks import outer_rank
from medxpert.config.settings import Settings

if TYPE_CHECKING:
    from omegaconf import DictConfig

_KEY = re.compile(r"(?!hydra[./]|filter\.)[A-Za-z_][\w.-]*")
"""No flag, nothing with a prefix, no setting of Hydra's; filters may name a patient, whom nothing remembers."""
_MOST = 64
"""Command lines that are remembered; every change of a module makes new ones."""
_PACKAGE = Path(__file__).resolve().parents[1]


class Remembered(NamedTuple):
    """One command line.

    Attributes:
        path: the file that remembers it.
        literals: the keys that are taken letter by letter, and their values.
    """

    path: Path
    literals: dict[str, str]

    @classmethod
    def of(cls, name: str, conf: Path, arguments: Sequence[str]) -> Remembered | None:
        """Return where a command line is remembered; None for one with flags, of a sweep, or of several processes."""
        if is_swept() or outer_rank() is not None:
            return None
        literals, others = {}, []
        for argument in arguments:
            key, sign, value = argument.partition("=")
            if not sign or not _KEY.fullmatch(key):
                return None
            if key not in LITERAL_KEYS:
                others.append(argument)
            elif value == "null":
                return None
            else:
                literals[key] = literal(value)
        with suppress(OSError, RuntimeError):
            known = json.dumps([name, others, sorted(literals), *_state(conf)])
            digest = hashlib.sha256(known.encode()).hexdigest()[:32]
            return cls(default_cache() / "commands" / f"{digest}.json", literals)
        return None

    def recall(self) -> Settings | None:
        """Return the configuration with this command line's own texts; None where it was never composed."""
        try:
            values: dict[str, Any] = json.loads(self.path.read_text(encoding="utf-8"))
            return Settings({**values, **self.literals}) if isinstance(values, dict) else None
        except (OSError, ValueError):
            return None

    def keep(self, cfg: DictConfig) -> Settings:
        """Remember a checked configuration, and return it as settings.

        One that refers to what may change, or that holds a secret, is not remembered.
        """
        from omegaconf import OmegaConf

        from medxpert.config.build import resolve

        settings = Settings.of(cfg)
        written: Any = OmegaConf.to_container(cfg, resolve=False)
        fixed = {key: value for key, value in settings.items() if key not in self.literals}
        as_it_stands = {key: value for key, value in written.items() if key not in self.literals}
        if fixed == as_it_stands == {key: value for key, value in resolve(cfg).items() if key in fixed}:
            self._write(fixed)
        return settings

    def _write(self, values: dict[str, Any]) -> None:
        """Write where that is possible: what cannot be remembered is composed the next time."""
        sibling = self.path.with_name(f".{self.path.stem}.{token_hex(4)}")
        with suppress(OSError, TypeError, ValueError):
            text = json.dumps(values)
            if json.loads(text) == values:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                for old in sorted(self.path.parent.glob("*.json"), key=_age)[_MOST - 1 :]:
                    old.unlink(missing_ok=True)
                sibling.write_text(text, encoding="utf-8")
                sibling.replace(self.path)


def _age(path: Path) -> int:
    return -path.stat().st_mtime_ns


def _state(conf: Path) -> Iterator[object]:
    """Yield what a composed and checked configuration depends on."""
    yield sys.version
    yield str(conf), sorted(_files(conf, ".yaml"))
    yield sorted(_files(_PACKAGE, ".py"))
    # a package that is installed or removed leaves its mark there
    yield [(path, os.stat(path).st_mtime_ns) for path in (sysconfig.get_path("purelib"), sysconfig.get_path("platlib"))]


def _files(folder: str | Path, ending: str) -> Iterator[tuple[str, int, int]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                yield from _files(entry.path, ending)
            elif entry.name.endswith(ending):
                found = entry.stat()
                yield entry.path, found.st_size, found.st_mtime_ns
