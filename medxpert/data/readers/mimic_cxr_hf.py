"""Studies from tables of image, findings and impression, such as the MIMIC-CXR subset on the Hugging Face hub."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from pathlib import PurePath
from typing import Literal, NamedTuple

from medxpert.data.parquet import ParquetImage, Shard, TextRow, must_have, num_rows, shards, texts
from medxpert.data.source import source
from medxpert.data.splits import assign
from medxpert.data.tables import said
from medxpert.errors import ConfigError
from medxpert.privacy import checked, without_credentials
from medxpert.text import normalise
from medxpert.words import SPLITS, Policy, Rejected, Study

log = logging.getLogger(__name__)
_SETTING = "data.dataset"
_TEXTS = ("findings", "impression")


@source
def read(
    part: str,
    dataset: str = "itsanmolgupta/mimic-cxr-dataset",
    split: Literal["grouped", "published"] = "grouped",
    policy: Policy = "credentialed",
    seed: int = 0,
) -> Iterator[Study | Rejected]:
    """Read the rows of one split in the table's order; each row is a study with one image.

    The table names neither studies nor patients. A study's id is the number of its row, and one patient's studies may
    stand in several splits: nobody can tell, and reading says so once.

    Args:
        part: the split to read, one of `SPLITS`.
        dataset: `owner/name` on the hub (a gated one needs HF_TOKEN; with HF_HUB_OFFLINE what `hf download` fetched
            is read), a parquet file, a folder of them, or a URI: hf://, s3://, gs://. Columns image, findings and
            impression. Pictures are fetched when they are decoded.
        split: how rows are divided. "grouped" puts rows whose two sections read the same into one split, 80, 10 and
            10 % of such groups; "published" takes the table's order: the last tenth is test, the one before validation
            (of 30,623 rows 24,499 are training, 3,062 validation and 3,062 test).
        policy: what may leave the machine.
        seed: chooses the grouped splits. It is not the training seed.

    Raises:
        ConfigError: there is no such data set, or an argument is none of those above.
        DataError: the files lack a column, or are no parquet files.
        RemoteError: the data set cannot be fetched, or access is refused.
    """
    if part not in SPLITS:
        raise ConfigError(f"split: expected one of {', '.join(SPLITS)}, found {part!r}; change split")
    if split not in ("grouped", "published"):
        raise ConfigError(f"data.split: expected grouped or published, found {split!r}")
    known_policy = checked(policy, "data.policy")
    found = tuple(shards(dataset, _SETTING))
    must_have(found, ("image", *_TEXTS), _SETTING)
    _say_once(dataset)
    split_of = _by_text(seed) if split == "grouped" else _by_place(num_rows(found))
    return _read(part, found, split_of, known_policy)


class _Row(NamedTuple):
    """A row with its texts as a model sees them."""

    number: int
    place: TextRow
    findings: str
    impression: str


SplitOf = Callable[[_Row], str]


def _by_text(seed: int) -> SplitOf:
    return lambda row: assign(f"{normalise(row.findings)}\n{normalise(row.impression)}", seed)


def _by_place(count: int) -> SplitOf:
    tenth = count // 10
    starts = {"test": count - tenth, "val": count - 2 * tenth, "train": 0}
    return lambda row: next(split for split, start in starts.items() if row.number >= start)


def _read(split: str, found: tuple[Shard, ...], split_of: SplitOf, policy: Policy) -> Iterator[Study | Rejected]:
    for row in _rows(found):
        if split_of(row) != split:
            continue
        place = row.place
        if not row.findings and not row.impression:
            yield Rejected(f"{PurePath(place.shard.path).name}:{row.number:06d}", "empty report")
            continue
        yield Study(
            study_id=f"{row.number:06d}",
            patient_id="",
            images=(ParquetImage(place.shard, place.group, place.row, "image"),),
            findings=row.findings,
            impression=row.impression,
            split=split,
            source="mimic_cxr_hf",
            policy=policy,
        )


@lru_cache(1)
def _rows(found: tuple[Shard, ...]) -> tuple[_Row, ...]:
    """Read the texts once for all splits: from afar this takes a minute."""
    return tuple(
        _Row(number, row._replace(texts={}), said(row.texts["findings"]), said(row.texts["impression"]))
        for number, row in enumerate(texts(found, _TEXTS))
    )


@cache
def _say_once(dataset: str) -> None:
    name = without_credentials(dataset)
    log.warning("%s: patients unknown, leakage possible: one patient's studies may stand in several splits", name)
