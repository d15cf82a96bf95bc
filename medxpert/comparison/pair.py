"""Whether two images may be compared: of one patient, the prior before the current one, and not the same image."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from medxpert.errors import DataError
from medxpert.images.header import DicomHeader

_UNCHECKED_PATIENT = "Nobody could check that both images are of one patient."
_UNCHECKED_ORDER = "Nobody could check that the prior image is the earlier one."
_DIFFERENT_VIEWS = "The two images are of different projections, which changes how findings look."


class Seen(NamedTuple):
    """What identifies an image.

    Attributes:
        header: of its DICOM file; an empty one where it has none.
        content: hash of its pixels.
        name: as the user gave it.
    """

    header: DicomHeader
    content: str
    name: str


def check_pair(now: Seen, before: Seen) -> tuple[str, ...]:
    """Refuse two images that cannot be compared.

    Messages name files and never what headers say: ids and dates are the patient's.

    Args:
        now: the current image.
        before: the prior one.

    Returns:
        A sentence for each thing that the headers do not tell, for the limitations of a report.

    Raises:
        DataError: the headers name different patients, the prior is the later one, or both are the same image.
    """
    files = f"image={now.name} prior={before.name}"
    if _same(now, before):
        raise DataError(f"{files}: expected two images, found one image twice; give an earlier image as prior=")
    told = now.header.patient_id, before.header.patient_id
    if all(told) and told[0] != told[1]:
        raise DataError(
            f"{files}: expected two images of one patient, but the two headers name different patients; "
            "give an earlier image of the same patient as prior="
        )
    if _order(now, before) < 0:
        raise DataError(f"{files}: the prior image is newer than the current one; swap image= and prior=")
    return tuple(_untold(now, before))


def _same(now: Seen, before: Seen) -> bool:
    uid = now.header.instance_uid
    return now.content == before.content or bool(uid and uid == before.header.instance_uid)


def _order(now: Seen, before: Seen) -> int:
    """Return 1 where the prior is the earlier one, -1 where it is the later one, 0 where nobody knows.

    Moments are compared as far as both are told: of two on one day, one without a time of day, none is the later.
    """
    length = min(len(now.header.taken), len(before.header.taken))
    later, earlier = now.header.taken[:length], before.header.taken[:length]
    return (later > earlier) - (later < earlier)


def _untold(now: Seen, before: Seen) -> Iterator[str]:
    if not (now.header.patient_id and before.header.patient_id):
        yield _UNCHECKED_PATIENT
    if not _order(now, before):
        yield _UNCHECKED_ORDER
    views = {now.header.view, before.header.view} - {""}
    if len(views) == 2:
        yield _DIFFERENT_VIEWS
