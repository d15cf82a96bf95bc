"""The folders of CheXpert, however it was unpacked: <part>/patient00001/study1/view1_frontal.jpg."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from medxpert.data.tables import RowError
from medxpert.data.trees import ending, find_all, listing
from medxpert.data.views import projection
from medxpert.errors import DataError
from medxpert.images.files import ImageFile

ENDINGS = (".jpg", ".jpeg", ".png", ".dcm")
PARTS = ("train", "valid", "test")
_LOOKED_AT = 200
"""Patients that are searched for a first picture."""


class Place(NamedTuple):
    """What the path of an image tells."""

    part: str
    """One of `PARTS`."""
    patient_id: str
    study: str
    name: str

    @classmethod
    def of(cls, path: str) -> Place:
        """Read a path such as CheXpert-v1.0-small/train/patient00001/study1/view1_frontal.jpg.

        Raises:
            RowError: it is none.
        """
        place = cls(*path.split("/")[-4:]) if path.count("/") >= len(cls._fields) - 1 else None
        if place is None or place.part not in PARTS or not place.patient_id.startswith("patient") or not place.name:
            raise RowError("broken path", f"expected train/patient00001/study1/view1_frontal.jpg, found {path!r}")
        return place

    @property
    def study_id(self) -> str:
        """Patient and study: studies are numbered per patient."""
        return f"{self.patient_id}-{self.study}"


def view_of(plane: str, side: str, name: str) -> str:
    """Return "PA", "AP", "LATERAL" or "".

    Args:
        plane: "Frontal" or "Lateral".
        side: "AP", "PA" or empty.
        name: of the file, such as view2_lateral.jpg, where the table does not tell the plane.
    """
    if projection(plane or name.replace("_", " ")) == "LATERAL":
        return "LATERAL"
    return projection(side)


@dataclass(frozen=True)
class Pictures:
    """Where the pictures of patients lie and how their names end.

    Attributes:
        folders: patient -> the folder that holds the patient's.
        elsewhere: where a patient who was not found would be.
        ending: as the first picture has it; None where no picture was found.
    """

    folders: Mapping[str, Path]
    elsewhere: Path
    ending: str | None

    @classmethod
    def below(cls, root: Path, setting: str, part: str) -> Pictures:
        """Look for the patients of one part: in its folder, or in the "batch" folders of the full release.

        Raises:
            DataError: there are none.
        """
        tops = [top for top in find_all(root, part, f"*batch*/{part}", "*batch*") if top.is_dir()]
        folders: dict[str, Path] = {}
        for top in reversed(tops):
            folders |= dict.fromkeys((name for name in os.listdir(top) if name.startswith("patient")), top)
        if not folders:
            expected = f"expected {part}/patient00001/study1/view1_frontal.jpg"
            raise DataError(f"{setting}={root}: {expected}, found {listing(root)}; point {setting} at the pictures")
        first = (folders[patient] / patient for patient in sorted(folders))
        return cls(folders, tops[0], ending(islice(first, _LOOKED_AT), ENDINGS))

    def file(self, path: str, view: str) -> ImageFile:
        """Return the image that a table names, under the ending that pictures have here."""
        place = Place.of(path)
        top = self.folders.get(place.patient_id, self.elsewhere)
        written = PurePosixPath(place.name)
        name = f"{written.stem}{self.ending or written.suffix}"
        return ImageFile(Path(f"{top}/{place.patient_id}/{place.study}/{name}"), view)
