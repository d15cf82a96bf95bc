"""Studies from Open-i, the Indiana University chest X-ray collection (Demner-Fushman et al., JAMIA 2016)."""

from __future__ import annotations

import json
import tarfile
import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, NamedTuple
from xml.etree import ElementTree

from medxpert.data.source import source
from medxpert.data.splits import assign
from medxpert.data.tables import said
from medxpert.data.trees import find, folder, must_find
from medxpert.errors import ConfigError, DataError
from medxpert.images.files import ImageFile
from medxpert.ontology import NEGATIVE, NO_FINDING, POSITIVE, SUPPORT_DEVICES, UNCERTAIN
from medxpert.privacy import checked
from medxpert.words import SPLITS, Policy, Rejected, Study

_TRAIN, _VAL = 0.7, 0.1
_ARCHIVES = (".tgz", ".gz", ".tar")


@source
def read(
    split: str,
    root: str,
    reports: str | None = None,
    images: str | None = None,
    labels: Literal["rules", "mesh"] = "rules",
    policy: Policy = "open",
    seed: int = 0,
) -> Iterator[Study | Rejected]:
    """Read the reports of one split and their radiographs, in the order of the report numbers.

    The collection was drawn as one examination per patient and names no patients, so the report's id is the
    patient's, too. It says of no image whether it is the frontal or the lateral one (the captions are about the whole
    examination), so views are unknown.

    A report that cannot be used is reported with its own split, or with train when it tells no id; so are pictures
    that belong to no report.

    Args:
        split: "train", "val" or "test": 70, 10 and 20 % of the reports.
        root: the folder of the collection.
        reports: ecgen-radiology/, or NLMCXR_reports.tgz as published; looked for in the root by default.
        images: the folder with `<image id>.png` at any depth; NLMCXR_png/ in the root by default, else the root.
        labels: "rules" labels the texts; "mesh" takes the main MeSH terms that people gave the reports, which are
            exhaustive: what they do not name is 0. The few reports without terms are left to `label_texts`.
        policy: what may leave the machine.
        seed: chooses the splits by a hash of the report id. It is not the training seed.

    Raises:
        ConfigError: a folder does not exist, or an argument is none of those above.
        DataError: the root holds no reports, or no picture.
    """
    if split not in SPLITS:
        raise ConfigError(f"split: expected one of {', '.join(SPLITS)}, found {split!r}; change split")
    if labels not in ("rules", "mesh"):
        raise ConfigError(f"data.labels: expected rules or mesh, found {labels!r}")
    known_policy = checked(policy, "data.policy")
    place = _reports(root, reports)
    pictures = _pictures(folder(root, "data.root") if images is None else folder(images, "data.images"), images)
    return _read(split, place, pictures, labels == "mesh", known_policy, seed)


class _Report(NamedTuple):
    """What one file tells."""

    uid: str
    findings: str
    impression: str
    images: Sequence[str]
    terms: Sequence[str]


def _reports(root: str, reports: str | None) -> Path:
    if reports is None:
        return must_find(folder(root, "data.root"), "data.root", "ecgen-radiology", "NLMCXR_reports.tgz")
    path = Path(reports).expanduser()
    if path.is_file() and path.suffix in _ARCHIVES:
        return path
    return folder(reports, "data.reports")


def _pictures(top: Path, images: str | None) -> Mapping[str, Path]:
    """Return image id -> file."""
    place = (images is None and find(top, "NLMCXR_png")) or top
    found = {path.stem: path for path in sorted(place.rglob("*.png"))}
    if not found:
        setting = "data.root" if images is None else "data.images"
        raise DataError(f"{setting}={top}: expected pictures such as CXR1_IM-0001-3001.png, found none")
    return found


def _read(
    split: str, reports: Path, pictures: Mapping[str, Path], mesh: bool, policy: Policy, seed: int
) -> Iterator[Study | Rejected]:
    missing = next(iter(pictures.values())).parent
    known: set[str] = set()
    for name, content in _contents(reports):
        try:
            report = _parsed(content)
        except (ElementTree.ParseError, ValueError) as error:
            if split == SPLITS[0]:
                yield Rejected(name, "broken XML", str(error))
            continue
        known.update(report.images)
        if assign(report.uid, seed, _TRAIN, _VAL) != split:
            continue
        report = report._replace(findings=said(report.findings), impression=said(report.impression))
        reason = _fault(report)
        if reason:
            yield Rejected(name, reason, f"{len(report.images)} images")
            continue
        yield Study(
            study_id=report.uid,
            patient_id=report.uid,
            images=tuple(ImageFile(pictures.get(image, missing / f"{image}.png")) for image in report.images),
            findings=report.findings,
            impression=report.impression,
            labels=mesh_labels(report.terms) if mesh else {},
            split=split,
            source="openi",
            policy=policy,
        )
    if split == SPLITS[0]:
        yield from (
            Rejected(path.name, "image without report") for image, path in pictures.items() if image not in known
        )


def _fault(report: _Report) -> str:
    if not report.findings and not report.impression:
        return "empty report"
    return "" if report.images else "report without image"


def _contents(reports: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the name and content of each report by number, whether packed or not."""
    if reports.is_dir():
        paths = sorted(reports.rglob("*.xml"), key=lambda path: _order(path.name))
        if not paths:
            raise DataError(f"{reports}: expected reports such as 1.xml, found none; set data.reports to their folder")
        yield from ((path.name, path.read_bytes()) for path in paths)
        return
    try:
        with tarfile.open(reports) as archive:
            members = [member for member in archive if member.isfile() and member.name.endswith(".xml")]
            packed = {Path(member.name).name: archive.extractfile(member) for member in members}
            contents = {name: file.read() for name, file in packed.items() if file is not None}
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{reports}: cannot be unpacked: {reason}; download it again") from error
    yield from sorted(contents.items(), key=lambda item: _order(item[0]))


def _order(name: str) -> tuple[int, str]:
    """Sort 2.xml before 10.xml."""
    return len(name), name


def _parsed(content: bytes) -> _Report:
    """Read one file.

    Raises:
        ValueError: it tells no id.
    """
    root = ElementTree.fromstring(content)
    number = root.find(".//uId")
    if number is None or not number.get("id"):
        raise ValueError("expected an element uId with an id, found none")
    sections: defaultdict[str, list[str]] = defaultdict(list)
    for part in root.iter("AbstractText"):
        sections[part.get("Label", "").strip().upper()].append("".join(part.itertext()))
    return _Report(
        number.get("id", ""),
        "\n".join(sections["FINDINGS"]),
        "\n".join(sections["IMPRESSION"]),
        list(dict.fromkeys(image.get("id", "") for image in root.iter("parentImage") if image.get("id"))),
        [(term.text or "").strip() for term in root.iter("major")],
    )


@cache
def _mesh() -> dict[str, Any]:
    rules: dict[str, Any] = json.loads(files("medxpert.data.readers").joinpath("openi_mesh.json").read_text("utf-8"))
    return rules


def mesh_labels(terms: Sequence[str]) -> dict[str, int]:
    """Map the main terms of one report, such as "Opacity/lung/base/left", to all observations that terms can tell.

    Returns:
        Observation -> 1, 0, or -1 for a term that hedges; nothing where the report was never indexed.
    """
    if not terms or _mesh()["not_labelled"] in terms:
        return {}
    found: dict[str, int] = {}
    for term in terms:
        head, *qualifiers = (part.strip() for part in term.split("/"))
        for rule in _mesh()["rules"]:
            if rule["head"] == head and _applies(rule, set(qualifiers)):
                name = rule["observation"]
                found[name] = max(found.get(name, UNCERTAIN), rule.get("value", POSITIVE))
    if not found.keys() - {SUPPORT_DEVICES}:
        found[NO_FINDING] = POSITIVE
    return dict.fromkeys([NO_FINDING, *(rule["observation"] for rule in _mesh()["rules"])], NEGATIVE) | found


def _applies(rule: Mapping[str, Any], qualifiers: set[str]) -> bool:
    without = rule.get("without", ())
    refused = {q for name in without for q in (_mesh()["soft_tissue"] if name == "soft_tissue" else (name,))}
    return not qualifiers & refused and ("with" not in rule or bool(qualifiers & set(rule["with"])))
