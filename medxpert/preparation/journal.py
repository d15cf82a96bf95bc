"""What of a preparation is done: it can be killed at any moment and goes on behind the last whole shard."""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medxpert.data.shards.layout import shard_name
from medxpert.data.survey import Survey
from medxpert.errors import ConfigError
from medxpert.folders import MANIFEST, atomic_folder, explained, read_json, seal, sha256, verified, write_json
from medxpert.words import Study

_FOLDER, _MADE_OF = ".progress", "made_of.json"
_REPORT = ("data_report.json", "data_report.md", "data_report.html", "rejected.csv", "samples.png")
_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{8}(\.\w+)?")
"""Names that `folders.atomic_file` gives while it writes."""
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Part:
    """One finished shard: its tables, and what became of the studies that went into it.

    Attributes:
        folder: of its tables.
        known: JSON values, as `Journal.part` was given them.
    """

    folder: Path
    known: Mapping[str, Any]


class Journal:
    """The parts that are done, in a hidden folder of the output.

    Args:
        output: folder of the preparation.
        made_of: options, as JSON values.
        survey: the studies that are prepared.

    Raises:
        ConfigError: the folder holds something else, or a preparation from other options or of other studies.
    """

    def __init__(self, output: Path, made_of: Mapping[str, Any], survey: Survey) -> None:
        self.output = output
        self._folder = output / _FOLDER
        _refuse_others(output, survey.studies)
        known = {**made_of, "studies": fingerprint(survey)}
        if (self._folder / _MADE_OF).is_file():
            _refuse_change(output, read_json(self._folder / _MADE_OF), known)
            log.info("going on with %s", output)
        with explained(output):
            self._folder.mkdir(parents=True, exist_ok=True)
            self._lock = (self._folder / "lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ConfigError(f"another process prepares {output}; wait for it, or give another output=") from error
        write_json(self._folder / _MADE_OF, known)

    def parts(self, split: str) -> list[Part]:
        """Return the parts of a split that are whole; what stands behind a damaged one is made again."""
        parts: list[Part] = []
        while (folder := self.folder(split, len(parts))).joinpath(MANIFEST).is_file():
            known = verified(folder, cure=f"rm -r {folder}")
            path = self.output / split / shard_name(len(parts))
            if known["bytes"] and (not path.is_file() or sha256(path) != known["sha256"]):
                log.warning("%s is not what was written: made again with all that follow it", path)
                break
            parts.append(Part(folder, known))
        return parts

    def forget_after(self, split: str, number: int) -> None:
        """Remove what killed processes left behind the first parts of a split."""
        for folder in self._folder.glob(f"*{split}-[0-9]*"):
            if folder.name.startswith(".") or int(folder.name.rpartition("-")[2]) >= number:
                shutil.rmtree(folder)
        for path in (self.output / split).glob("*shard-*"):
            if path.name.startswith(".") or int(path.stem.rpartition("-")[2]) >= number:
                path.unlink()

    @contextmanager
    def part(self, split: str, number: int, known: dict[str, Any]) -> Iterator[Path]:
        """Yield the folder for the tables of a part; it counts once all is written, with what `known` holds then."""
        with atomic_folder(self.folder(split, number)) as sibling:
            yield sibling
            seal(sibling, known)

    def folder(self, split: str, number: int) -> Path:
        """Return the folder of a part, done or not."""
        return self._folder / f"{split}-{number:05d}"

    def close(self) -> None:
        """Forget everything: the manifest is written."""
        clear(self.output)
        self._lock.close()


def fingerprint(survey: Survey) -> str:
    """Identify the studies and their images, without opening one."""
    digest = hashlib.sha256()
    for split, studies in survey.studies.items():
        digest.update(split.encode())
        for study in studies:
            digest.update(json.dumps(_told(study)).encode())
        digest.update(json.dumps([str(item) for item in survey.rejected[split]]).encode())
    return digest.hexdigest()[:24]


def _told(study: Study) -> list[Any]:
    images = [(image.fingerprint(), image.view) for image in study.images]
    texts = [study.findings, study.impression, study.text_kind]
    return [study.study_id, study.patient_id, texts, dict(study.labels), study.policy, study.weight, images]


def _refuse_others(output: Path, splits: Iterable[str]) -> None:
    if output.exists() and not output.is_dir():
        raise ConfigError(f"output={output} is a file; give a folder")
    names = [path.name for path in output.iterdir()] if output.is_dir() else []
    others = sorted(name for name in names if name not in {MANIFEST, *_REPORT, *splits} and not name.startswith("."))
    if others:
        raise ConfigError(
            f"output={output} holds other files ({', '.join(others[:3])}); give a new folder, or one of a preparation"
        )


def _refuse_change(output: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    changed = [name for name in sorted({*before, *now}) if before.get(name) != now.get(name)]
    if not changed:
        return
    name = changed[0]
    if name == "studies":
        told = "its input has changed since (other studies, texts, labels or images)"
    else:
        told = f"it was begun with {name}={before.get(name)}, now {name}={now.get(name)}"
    raise ConfigError(f"output={output} holds another preparation: {told}; give another output=, or remove {output}")


def clear(output: Path) -> None:
    """Remove what killed processes left in a finished preparation."""
    shutil.rmtree(output / _FOLDER, ignore_errors=True)
    for path in [*output.glob(".*"), *output.glob("*/.*")]:
        if path.is_file() and _TEMPORARY.fullmatch(path.name):
            path.unlink()
