"""Open-i as published: ecgen-radiology/ (or NLMCXR_reports.tgz) and NLMCXR_png/, with everything that goes wrong."""

import tarfile
from dataclasses import dataclass, replace
from pathlib import Path
from xml.sax.saxutils import escape

from trees.phantoms import State, phantoms, pixels, write
from trees.tally import Tally, ids
from trees.tree import Tree

from medxpert.words import Study

WANTED = {"train": 42, "val": 8, "test": 8}
ODD = 9
"""The first training reports, each with something special about it."""


@dataclass(frozen=True)
class Case:
    """One report; the fields are what goes into its XML."""

    uid: str
    split: str
    study: Study
    findings: str
    impression: str
    states: tuple[State, ...] = ("whole", "whole")
    terms: tuple[str, ...] = ("normal",)
    reason: str = ""

    @property
    def number(self) -> int:
        """The report's own number."""
        return int(self.uid.removeprefix("CXR"))

    def image(self, place: int) -> str:
        """Return an image id."""
        return f"{self.uid}_IM-{self.number:04d}-{place + 1}001"


def cases() -> list[Case]:
    """Return all reports by number."""
    names = ids("CXR{}", WANTED, 0.7, 0.1)
    drawn = iter(phantoms(sum(WANTED.values())))
    plain = {
        split: [Case(name, split, study := next(drawn), study.findings, study.impression) for name in own]
        for split, own in names.items()
    }
    train = plain["train"]
    train[:ODD] = [
        replace(train[0], findings="There are no XXXX of a pleural effusion.", impression="Normal chest x-XXXX."),
        replace(train[1], findings="", terms=("Cardiomegaly/mild", "Opacity/lung/base/left")),
        replace(train[2], impression="", terms=("No Indexing",)),
        replace(train[3], findings="", impression=" ", reason="empty report"),
        replace(train[4], states=(), reason="report without image"),
        replace(train[5], states=("missing", "whole")),
        replace(train[6], states=("missing",)),
        replace(train[7], states=("broken", "whole", "whole")),
        replace(train[8], states=("broken", "missing")),
    ]
    plain["test"][0] = replace(plain["test"][0], findings=train[-1].findings, impression=train[-1].impression)
    return sorted((case for own in plain.values() for case in own), key=lambda case: case.number)


def build(root: Path, packed: bool = False, identical: bool = False) -> Tree:
    """Build the collection.

    Args:
        root: an empty folder.
        packed: leave the reports in their archive.
        identical: let the last training report and the first test report show the same picture.
    """
    tally = Tally()
    reports = root / "ecgen-radiology"
    reports.mkdir(parents=True)
    known = cases()
    for case in known:
        (reports / f"{case.number}.xml").write_text(xml(case), encoding="utf-8")
        shown = _last(known) if identical and case == _first_test(known) else case
        for place, state in enumerate(case.states):
            write(root / "NLMCXR_png" / f"{case.image(place)}.png", pixels(shown.study, place), state)
        if case.reason:
            tally.reject(case.reason)
        else:
            tally.study(case.split, case.uid, case.uid, case.states)
    (reports / "9001.xml").write_text("<eCitation><uId id='CXR9001'/>")
    (reports / "9002.xml").write_text("<eCitation></eCitation>")
    tally.reject("broken XML", 2)
    write(root / "NLMCXR_png" / "deeper" / "CXR9003_IM-1-1001.png", pixels(known[0].study))
    tally.reject("image without report")
    if packed:
        _pack(root)
    return tally.tree({"data.root": root})


def _last(known: list[Case]) -> Case:
    return [case for case in known if case.split == "train"][-1]


def _first_test(known: list[Case]) -> Case:
    return next(case for case in known if case.split == "test")


def _pack(root: Path) -> None:
    folder = root / "ecgen-radiology"
    with tarfile.open(root / "NLMCXR_reports.tgz", "w:gz") as archive:
        archive.add(folder, "ecgen-radiology")
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()


def xml(case: Case) -> str:
    """Write one report as the collection does, in short."""
    sections = {"COMPARISON": "None.", "INDICATION": "XXXX-year-old with cough", "FINDINGS": case.findings}
    sections["IMPRESSION"] = case.impression
    texts = "".join(f'<AbstractText Label="{name}">{escape(text)}</AbstractText>' for name, text in sections.items())
    terms = "".join(f"<major>{escape(term)}</major>" for term in case.terms)
    images = "".join(
        f'<parentImage id="{case.image(place)}"><caption>Xray Chest PA and Lateral</caption></parentImage>'
        for place in range(len(case.states))
    )
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\n<eCitation><meta type="rr"/><uId id="{case.uid}"/>'
        f"<MedlineCitation><Article><Abstract>{texts}</Abstract></Article></MedlineCitation>"
        f"<MeSH>{terms}<automatic>lung</automatic></MeSH>{images}</eCitation>\n"
    )
