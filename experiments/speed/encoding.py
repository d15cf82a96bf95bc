"""What is encoded, and how train.py and embed.py do it."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray
from training import studies

from medxpert.embedding import embed_images
from medxpert.models.architecture import Architecture
from medxpert.models.clip import CLIP

REPORTS = "MEDXPERT_SPEED_REPORTS"
"""Environment variable: Open-i's archive NLMCXR_reports.tgz, whose reports are read in place of drawn texts."""


class Texts(NamedTuple):
    """What the texts are encoded from."""

    texts: list[str]
    source: str
    note: str


def image_work(model: CLIP, shown: Sequence[NDArray[np.uint8]], batch_size: int) -> Callable[[int], NDArray]:
    """Return the work of encoding images [N, S, S] into unit rows, one array of them in each repeat by turns."""
    stores: list[Any] = [SimpleNamespace(pixels=one, image_rows=[[row] for row in range(len(one))]) for one in shown]
    return lambda repeat: embed_images(model, stores[repeat % len(stores)], batch_size)


def pixels(architecture: Architecture, count: int, seed: int) -> NDArray[np.uint8]:
    """Draw images [N, S, S]."""
    side = architecture.image_side
    return np.random.default_rng(seed).integers(0, 256, (count, side, side), dtype=np.uint8)


def reports(least: int) -> Texts:
    """Return the reports that the environment names, else words drawn to the lengths of real ones.

    Raises:
        ValueError: the archive has fewer reports than are encoded.
    """
    archive = os.environ.get(REPORTS)
    if archive:
        texts = _read(Path(archive))
        if len(texts) < least:
            raise ValueError(f"reports={archive}: expected at least {least} reports, found {len(texts)}")
        note = "the texts are real reports, many of which begin alike; what begins alike in a batch is computed once"
        return Texts(texts, "real reports (Open-i)", note)
    made = [study.findings or study.impression for study in studies("train", count=least, side=64)]
    note = (
        "the texts are words drawn to the lengths of real reports: how much of real ones begins alike, which is "
        "computed once, is not known from their lengths, and these hardly share anything; reports=FILE reads real ones"
    )
    return Texts(made, "texts as long as real reports", note)


def _read(path: Path) -> list[str]:
    with tarfile.open(path) as archive:
        files = (archive.extractfile(one) for one in archive if one.name.endswith(".xml"))
        return [text for file in files if file and (text := _longest(file.read()))]


def _longest(file: bytes) -> str:
    sections = {one.get("Label"): one.text or "" for one in ElementTree.fromstring(file).iter("AbstractText")}
    return max(sections.get("FINDINGS", ""), sections.get("IMPRESSION", ""), key=len)
