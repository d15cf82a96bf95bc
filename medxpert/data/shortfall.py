"""What the data of a training lack, told before it begins."""

from __future__ import annotations

import logging
from collections.abc import Collection

from medxpert.data.batch import TrainingImages
from medxpert.data.leaks import IMAGE, PATIENT
from medxpert.data.sections import TrainingText, lacks
from medxpert.data.stored import Stored
from medxpert.errors import DataError
from medxpert.words import Rejected

log = logging.getLogger(__name__)


def check_rejected(stores: Collection[Stored], largest: float) -> None:
    """Say how many rows were left out.

    Args:
        stores: of all splits.
        largest: share of unusable studies, in [0, 1].

    Raises:
        DataError: there are more.
    """
    used = sum(len(store) for store in stores)
    lost = [item for store in stores for item in _lost(store)]
    if len(lost) > largest * (used + len(lost)):
        raise DataError(
            f"{len(lost)} of {used + len(lost)} studies are unusable, more than max_rejected={largest}; raise it to "
            f"go on without them; the first: {lost[0]}"
        )
    rejected = [item for store in stores for item in store.rejected]
    if rejected:
        first = rejected[0]
        log.warning("%d rows left out, see rejected.csv; the first: %s: %s", len(rejected), first.where, first.reason)


def tell_fallbacks(train: Stored, wanted: TrainingText, images: TrainingImages) -> None:
    """Say how many studies have less than training wants to see of them."""
    reports = train.reports
    fallbacks = sum(lacks(*pair, wanted) for pair in zip(reports.findings, reports.impressions, strict=True))
    if fallbacks:
        told = "loader.text=%s: %d of %d training studies lack a section; the other one stands for it"
        log.info(told, wanted, fallbacks, len(reports.findings))
    single = sum(len(rows) == 1 for rows in train.every_image) if images == "two" else 0
    if single:
        told = "loader.images=two: %d of %d training studies have one image, which stands twice"
        log.warning(told, single, len(train))


def _lost(store: Stored) -> list[Rejected]:
    """Return one fault of each study that is not in a store and was not left out on purpose."""
    kept = set(store.cases.study_ids)
    faults = (item for item in store.rejected if item.reason not in (PATIENT, IMAGE) and item.where not in kept)
    return list({item.where: item for item in faults}.values())
