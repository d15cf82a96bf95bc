"""Studies from ROCO (Pelka et al., 2018; Rueckert et al., 2024): pictures of any organ from papers, with captions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from medxpert.data.source import source
from medxpert.data.tables import records
from medxpert.data.trees import find, folder, listing
from medxpert.errors import ConfigError, DataError
from medxpert.images.files import ImageFile
from medxpert.privacy import checked
from medxpert.text import is_blank
from medxpert.words import SPLITS, Policy, Rejected, Study

_SETTING = "data.root"
_FOLDERS = {"train": ("train",), "val": ("validation", "valid", "val"), "test": ("test",)}
"""What releases call the splits."""


@source
def read(
    split: str,
    root: str,
    modality: Literal["radiology", "non-radiology"] = "radiology",
    policy: Policy = "open",
) -> Iterator[Study | Rejected]:
    """Read the captions of one split, in the order of its list; each is a study with one picture.

    The caption is the findings. It may be about any organ, by any technique, of which the rules that label chest
    reports know nothing: `data=roco` leaves `label_texts` out. Nobody knows the patients.

    Args:
        split: one of `SPLITS`, as published.
        root: the folder with train/, validation/ and test/ (ROCO: `radiology/captions.txt` and `radiology/images/` in
            each), or with train_captions.csv and train/ (ROCOv2), or up to three folders above it.
        modality: "non-radiology" reads the other half of ROCO, its out-of-class pictures.
        policy: what may leave the machine.

    Raises:
        ConfigError: the folder does not exist, or an argument is none of those above.
        DataError: there is no list of captions, or it cannot be read.
    """
    if split not in SPLITS:
        raise ConfigError(f"split: expected one of {', '.join(SPLITS)}, found {split!r}; change split")
    if modality not in ("radiology", "non-radiology"):
        raise ConfigError(f"data.modality: expected radiology or non-radiology, found {modality!r}")
    known_policy = checked(policy, "data.policy")
    top = folder(root, _SETTING)
    texts = find(top, *(f"{name}/{modality}/captions.txt" for name in _FOLDERS[split]))
    if texts is not None:
        return _studies(split, _lines(texts), texts.parent / "images", known_policy)
    table = find(top, *(f"{name}_captions.csv" for name in _FOLDERS[split])) if modality == "radiology" else None
    if table is None:
        name = _FOLDERS[split][0]
        expected = f"{name}/{modality}/captions.txt or {name}_captions.csv"
        raise DataError(f"{_SETTING}={root}: expected {expected}, found {listing(top)}; point {_SETTING} at its folder")
    return _studies(split, _cells(table), table.with_name(table.name.removesuffix("_captions.csv")), known_policy)


Captions = Iterator[tuple[str, str] | Rejected]


def _lines(path: Path) -> Captions:
    """Yield id and caption from lines that a tab divides; captions may hold quotes of any kind."""
    try:
        lines = path.read_text("utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as UTF-8 text: {error}") from error
    for number, line in enumerate(lines, 1):
        name, tab, caption = line.partition("\t")
        if tab and name.strip():
            yield name.strip(), caption
        elif line.strip():
            yield Rejected(f"{path.name}:{number}", "wrong number of columns", "expected an id, a tab and a caption")


def _cells(path: Path) -> Captions:
    for row in records(path, _SETTING, ("ID", "Caption")):
        yield row if isinstance(row, Rejected) else (row.cells["ID"], row.cells["Caption"])


def _studies(split: str, captions: Captions, images: Path, policy: Policy) -> Iterator[Study | Rejected]:
    known: set[str] = set()
    for item in captions:
        if isinstance(item, Rejected):
            yield item
            continue
        name, caption = item[0], " ".join(item[1].split())
        if name in known or is_blank(caption):
            yield Rejected(name, "image listed twice" if name in known else "empty report")
            continue
        known.add(name)
        yield Study(
            study_id=name,
            patient_id="",
            images=(ImageFile(images / f"{name}.jpg"),),
            findings=caption,
            split=split,
            source="roco",
            policy=policy,
        )
