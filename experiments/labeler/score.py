"""Score the report labeler against the human MeSH terms of Open-i, and time it.

    python experiments/labeler/score.py NLMCXR_reports.tgz [--half tuning|held_out]

The rules were written with the tuning half in sight, the reports whose sha256 of the uId is even; the other half is
held out.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tarfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from medxpert.labeler import Convention, label_report
from medxpert.ontology import NO_FINDING, OBSERVATIONS, POSITIVE, SUPPORT_DEVICES, UNCERTAIN

HALVES = ("tuning", "held_out")
READINGS: tuple[tuple[Convention, str, tuple[int, ...]], ...] = (
    ("clinical", "uncertain negative", (POSITIVE,)),
    ("clinical", "uncertain positive", (POSITIVE, UNCERTAIN)),
    ("chexpert", "uncertain positive", (POSITIVE, UNCERTAIN)),
)
"""Convention and which labels count as positive, on both sides; the first is the one that is judged."""

MIN_POSITIVES = 15


class Case(NamedTuple):
    """A report: its text and the labels that the human terms give."""

    uid: str
    text: str
    truth: Mapping[str, int]


class Score(NamedTuple):
    """Agreement on one observation; rates from 0 to 1."""

    positives: int
    precision: float
    recall: float
    f1: float


class Half(NamedTuple):
    """The cases of one half, and how many reports were left out."""

    cases: list[Case]
    not_indexed: int
    without_text: int


def mapping() -> dict[str, Any]:
    """Return the published mapping of human terms to observations."""
    return json.loads(Path(__file__).with_name("mesh.json").read_text(encoding="utf-8"))


def half_of(uid: str) -> str:
    """Return the half of a report."""
    return HALVES[int(hashlib.sha256(uid.encode()).hexdigest(), 16) % 2]


def read_half(archive: Path, half: str) -> Half:
    """Read the reports of one half; those without human terms or without text are counted only."""
    book = mapping()
    result, not_indexed, without_text = list[Case](), 0, 0
    for root in _reports(archive):
        uid = next(root.iter("uId")).get("id", "")
        if half_of(uid) != half:
            continue
        major = [term.text or "" for term in root.iter("major")]
        text = _text(root)
        not_indexed += book["not_labelled"] in major
        without_text += not text
        if text and book["not_labelled"] not in major:
            result.append(Case(uid, text, human_labels(major, book)))
    return Half(sorted(result), not_indexed, without_text)


def human_labels(major: Sequence[str], book: Mapping[str, Any]) -> dict[str, int]:
    """Map human terms such as "Opacity/lung/base/left" to labels: 1, or -1 for a term that hedges."""
    labels: dict[str, int] = {}
    for term in major:
        head, *qualifiers = (part.strip() for part in term.split("/"))
        for rule in book["rules"]:
            if rule["head"] == head and _applies(rule, set(qualifiers), book["soft_tissue"]):
                name = rule["observation"]
                labels[name] = max(labels.get(name, UNCERTAIN), rule.get("value", POSITIVE))
    if not set(labels) - {SUPPORT_DEVICES}:
        labels[NO_FINDING] = POSITIVE
    return labels


def _applies(rule: Mapping[str, Any], qualifiers: set[str], soft_tissue: Sequence[str]) -> bool:
    without = {q for name in rule.get("without", ()) for q in (soft_tissue if name == "soft_tissue" else (name,))}
    return not qualifiers & without and ("with" not in rule or bool(qualifiers & set(rule["with"])))


def _reports(archive: Path) -> Iterator[ElementTree.Element]:
    with tarfile.open(archive) as tar:
        for member in tar:
            file = tar.extractfile(member)
            if file is not None and member.name.endswith(".xml"):
                yield ElementTree.parse(file).getroot()


def _text(root: ElementTree.Element) -> str:
    sections = {part.get("Label"): (part.text or "").strip() for part in root.iter("AbstractText")}
    return "\n\n".join(filter(None, (sections.get("FINDINGS"), sections.get("IMPRESSION"))))


def score(cases: Sequence[Case], convention: Convention, counted: Sequence[int]) -> dict[str, Score]:
    """Compare the labeler with the human labels; counted are the values that stand for positive."""
    found = [label_report(case.text, convention) for case in cases]
    return {
        name: _score([f[name] in counted for f in found], [c.truth.get(name) in counted for c in cases])
        for name in OBSERVATIONS
    }


def _score(said: Sequence[bool], true: Sequence[bool]) -> Score:
    hits = sum(s and t for s, t in zip(said, true, strict=True))
    return Score(sum(true), _ratio(hits, sum(said)), _ratio(hits, sum(true)), _ratio(2 * hits, sum(said) + sum(true)))


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def judged(scores: Mapping[str, Score]) -> dict[str, Score]:
    """Return the observations with enough positives."""
    return {name: row for name, row in scores.items() if row.positives >= MIN_POSITIVES}


def table(cases: Sequence[Case]) -> str:
    """Return the Markdown table of all readings."""
    columns = [score(cases, convention, counted) for convention, _, counted in READINGS]
    titles = " | ".join(f"{convention}, {reading}: n / P / R / F1" for convention, reading, _ in READINGS)
    lines = [f"| observation | {titles} |", "|---" * (len(columns) + 1) + "|"]
    for name in OBSERVATIONS:
        rows = (column[name] for column in columns)
        cells = " | ".join(f"{r.positives} / {r.precision:.2f} / {r.recall:.2f} / **{r.f1:.3f}**" for r in rows)
        lines.append(f"| {name} | {cells} |")
    means = [list(judged(column).values()) for column in columns]
    cells = " | ".join(f"**{sum(r.f1 for r in rows) / len(rows):.3f}** over {len(rows)}" for rows in means)
    return "\n".join([*lines, f"| mean where n >= {MIN_POSITIVES} | {cells} |"])


def speed(cases: Sequence[Case]) -> str:
    """Time the labeler on distinct reports, one process, best of five CPU times; nothing is cached."""
    texts = sorted({case.text for case in cases})
    start = time.process_time()
    label_report("No effusion.")
    loading = time.process_time() - start
    best = min(_seconds(texts) for _ in range(5))
    return (
        f"{len(texts) / best:,.0f} reports a second over {len(texts)} distinct reports; lexicon read in {loading:.2f} s"
    )


def _seconds(texts: Sequence[str]) -> float:
    start = time.process_time()
    for text in texts:
        label_report(text)
    return time.process_time() - start


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive", type=Path)
    parser.add_argument("--half", choices=HALVES, default="held_out")
    options = parser.parse_args()
    try:
        half = read_half(options.archive, options.half)
    except (OSError, tarfile.TarError, ElementTree.ParseError) as error:
        parser.error(f"{options.archive} is no archive of Open-i reports ({error}); give NLMCXR_reports.tgz")
    counts = f"{half.not_indexed} not indexed and {half.without_text} without text left out"
    sys.stdout.write(
        f"{speed(half.cases)}\n\n{options.half}: {len(half.cases)} reports, {counts}\n\n{table(half.cases)}\n"
    )


if __name__ == "__main__":
    main()
