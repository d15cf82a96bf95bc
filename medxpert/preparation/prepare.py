"""From a reader to a verified training set: survey, shards, tables, report, manifest."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from medxpert.cases import Cases
from medxpert.data.decoding import num_cores
from medxpert.data.leaks import IMAGE, PATIENT, HeldOut, Shared, listed, shared_images
from medxpert.data.sections import read_reports
from medxpert.data.shards.layout import CASES, IMAGES, REPORTS
from medxpert.data.shards.root import Root
from medxpert.data.source import OnLeak
from medxpert.data.survey import Survey, survey
from medxpert.errors import ConfigError, DataError
from medxpert.folders import MANIFEST, sha256
from medxpert.preparation.build import Build, Storage
from medxpert.preparation.facts import SplitTables, overall, split_facts
from medxpert.preparation.finish import REJECTED, seen, write_manifest, write_rejected, write_tables
from medxpert.preparation.journal import Journal, Part, clear
from medxpert.preparation.report import write_report
from medxpert.preparation.samples import SAMPLES, write_samples
from medxpert.privacy import strictest
from medxpert.provenance import environment
from medxpert.words import Reader, Rejected

_MUCH, _SHOWN_CHARS = 0.1, 30
log = logging.getLogger(__name__)


def prepare(
    reader: Reader,
    storage: Storage,
    output: Path,
    made_of: Mapping[str, Any],
    on_leak: OnLeak | None = None,
    max_rejected: float = 1.0,
) -> list[Path]:
    """Prepare everything that a reader offers.

    A preparation that was killed goes on behind its last whole shard; one that is finished is verified.

    Args:
        reader: yields the studies.
        storage: how they are stored.
        output: folder of the shards; not below any folder that is read.
        made_of: the options, as JSON values; a preparation goes on with the same ones only.
        on_leak: what is done about images in two splits; None drops such training studies.
        max_rejected: largest share of studies that cannot be used, in [0, 1]; all of them in a partial download.

    Returns:
        The files of the data report.

    Raises:
        ConfigError: the output cannot be used, or the options changed.
        DataError: no study can be used, or more than `max_rejected` cannot; a leak that the user does not accept; or a
            finished preparation is damaged.
    """
    _refuse_input(output, {name: value for name, value in made_of.items() if name.startswith("data.")})
    if (output / MANIFEST).is_file():
        return _verify(output, made_of)
    found = survey(reader)
    journal = Journal(output, made_of, found)
    _tell(found, output)
    parts = Build(found, journal, storage, HeldOut(on_leak))()
    written = {split: [part for part in own if part.known["studies"]] for split, own in parts.items()}
    written = {split: own for split, own in written.items() if own}
    rejected = list(_rejected(found, parts))
    for split in found.studies.keys() - written.keys():
        log.warning("split %s has no usable study; train.py needs train, val and test", split)
    policy = strictest(study.policy for studies in found.studies.values() for study in studies)
    if not written:
        why = f"the first of {len(rejected)} reasons: {rejected[0][1]}" if rejected else "the reader yielded nothing"
        raise DataError(f"no study can be used; {why}")
    for split, own in written.items():
        write_tables(output, split, own)
    write_rejected(output, rejected, policy)
    _check_rejected(written, rejected, max_rejected)
    tables = {split: open_tables(output, split) for split in written}
    report = {**report_of(found, parts, tables, on_leak), **_rejections(rejected), "made": _made(output, written)}
    provenance = {"policy": policy, **environment(), "options": dict(made_of)}
    write_samples(output / SAMPLES, tables, policy)
    paths = write_report(output, report, provenance, {output / SAMPLES: "Studies as they were stored."})
    fields = {"made_of": dict(made_of), "policy": policy, "leaks": _found(report), **environment()}
    write_manifest(output, written, fields)
    journal.close()
    return paths


def _check_rejected(
    written: Mapping[str, Sequence[Part]], rejected: Sequence[tuple[str, Rejected]], limit: float
) -> None:
    """Say how much is missing where that is much, and refuse more than the user accepts."""
    whole = sum(part.known["whole"] for own in written.values() for part in own)
    studies = sum(part.known["studies"] for own in written.values() for part in own)
    lost = len({item.where for _, item in rejected if item.reason not in (PATIENT, IMAGE)}) - (studies - whole)
    share = lost / (studies + lost)
    reason, count = Counter(item.reason for _, item in rejected).most_common(1)[0] if rejected else ("", 0)
    told = f"{lost:,} of {studies + lost:,} studies cannot be used; the commonest reason: {reason} ({count:,})"
    if share > limit:
        raise DataError(f"{told}; more than max_rejected={limit}, see {REJECTED}")
    if share > _MUCH:
        log.warning("%s", told)


def open_tables(output: Path, split: str) -> SplitTables:
    """Open the tables of a split that were just written."""
    views = [view.decode() for view in np.load(output / split / IMAGES)["view"]]
    return SplitTables(Cases(output / split / CASES), read_reports(output / split / REPORTS), views)


def report_of(
    found: Survey,
    parts: Mapping[str, Sequence[Part]],
    tables: Mapping[str, SplitTables],
    on_leak: OnLeak | None,
) -> dict[str, Any]:
    """Describe the splits, what they share, and what may be written on images."""
    images = shared_images({split: _hashed(own, tables.get(split)) for split, own in parts.items()}, on_leak)
    reasons = Counter(item.reason for _, item in _rejected(found, parts))
    leaks = {
        "patients": None if found.patients is None else len(found.patients),
        "images": len(images),
        "dropped": reasons[PATIENT] + reasons[IMAGE],
        "studies_without_patient": found.without_patient,
    }
    return {
        "splits": {split: split_facts(tables[split]) for split in tables},
        "duplicates": overall(tables),
        "leaks": leaks,
        "listed": {"patients": _listed(found.patients), "images": listed(images)},
        "suspicious": [one for own in parts.values() for part in own for one in part.known["suspicious"]],
    }


def _listed(shared: Sequence[Shared] | None) -> list[dict[str, Any]] | None:
    return None if shared is None else listed(shared)


def _found(report: Mapping[str, Any]) -> dict[str, int | None]:
    return {what: report["leaks"][what] for what in ("patients", "images")}


def _hashed(parts: Sequence[Part], tables: SplitTables | None) -> Iterator[tuple[str, str]]:
    """Yield hash and study of every image, those of dropped studies included."""
    for part in parts:
        yield from ((name, study_id) for study_id, name in part.known["dropped_images"])
        if tables is not None and part.known["studies"]:
            places = np.load(part.folder / IMAGES)
            ids = (tables.cases.study_ids[row] for row in places["study"])
            yield from zip((bytes(one).hex() for one in places["sha256"]), ids, strict=True)


def _rejected(found: Survey, parts: Mapping[str, Sequence[Part]]) -> Iterator[tuple[str, Rejected]]:
    """Yield what readers and decoders left out, by split."""
    for split, own in parts.items():
        yield from ((split, item) for item in found.rejected[split])
        yield from ((split, Rejected(*row)) for part in own for row in part.known["rejected"])


def _rejections(rejected: Sequence[tuple[str, Rejected]]) -> dict[str, Any]:
    counts = Counter(item.reason for _, item in rejected)
    first = {item.reason: item for _, item in reversed(rejected)}
    return {
        "rejected": dict(counts.most_common()),
        "examples": {reason: seen(item.where)[:_SHOWN_CHARS] for reason, item in first.items()},
    }


def _made(output: Path, parts: Mapping[str, Sequence[Part]]) -> dict[str, Any]:
    known = [part.known for own in parts.values() for part in own]
    images, seconds = sum(one["images"] for one in known), sum(one["seconds"] for one in known)
    return {
        "shards": len(known),
        "bytes": sum(one["bytes"] for one in known),
        "images": images,
        "seconds": round(seconds, 1),
        "cores": num_cores(),
        "images_per_second_and_core": images / max(seconds, 1e-9) / num_cores(),
    }


def _tell(found: Survey, output: Path) -> None:
    counts = {split: len(studies) for split, studies in found.studies.items()}
    images = sum(len(study.images) for studies in found.studies.values() for study in studies)
    told = ", ".join(f"{count:,} {split}" for split, count in counts.items())
    log.info("%s studies with %s images go into %s", told, f"{images:,}", output)


def _refuse_input(output: Path, made_of: Any) -> None:
    """Refuse an output below a folder that is read: the input must stay as it is.

    Raises:
        ConfigError: it lies there.
    """
    for value in _texts(made_of):
        folder = Path(value).expanduser()
        if value and folder.is_dir() and output.resolve().is_relative_to(folder.resolve()):
            raise ConfigError(f"output={output} lies below {value}, which is read; give a folder outside of it")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for child in value.values():
            yield from _texts(child)


def _verify(output: Path, made_of: Mapping[str, Any]) -> list[Path]:
    """Check a finished preparation against its manifest, file by file."""
    root = Root(str(output))
    before = root.manifest["made_of"]
    changed = [name for name in sorted({*before, *made_of}) if before.get(name) != made_of.get(name)]
    if changed:
        raise ConfigError(
            f"output={output} holds a finished preparation with {changed[0]}={before.get(changed[0])}, now "
            f"{changed[0]}={made_of.get(changed[0])}; give another output="
        )
    for name, entry in root.manifest["files"].items():
        path = output / name
        if not path.is_file() or path.stat().st_size != entry["bytes"] or sha256(path) != entry["sha256"]:
            raise DataError(
                f"{path} is missing or not what was written; remove {output / MANIFEST} and {path.parent}, then the "
                "same command makes it again"
            )
    clear(output)
    told = "%s is whole: %d files are what was written; the input was not read again"
    log.info(told, output, len(root.manifest["files"]))
    return [output / f"data_report.{ending}" for ending in ("json", "md", "html")]
