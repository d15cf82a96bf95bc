"""The 14 observations of CheXpert (Irvin et al., AAAI 2019) and what their values mean."""

from __future__ import annotations

from collections.abc import Mapping

NO_FINDING = "No Finding"
SUPPORT_DEVICES = "Support Devices"
OBSERVATIONS: tuple[str, ...] = (
    NO_FINDING,
    "Enlarged Cardiomediastinum",
    "Cardiomegaly",
    "Lung Opacity",
    "Lung Lesion",
    "Edema",
    "Consolidation",
    "Pneumonia",
    "Atelectasis",
    "Pneumothorax",
    "Pleural Effusion",
    "Pleural Other",
    "Fracture",
    SUPPORT_DEVICES,
)
PATHOLOGIES: tuple[str, ...] = tuple(o for o in OBSERVATIONS if o not in (NO_FINDING, SUPPORT_DEVICES))

POSITIVE, NEGATIVE, UNCERTAIN = 1, 0, -1
MISSING = -2
"""Stands for "not mentioned" where labels are an int8 array [N, 14] instead of a mapping."""

_ALIASES: dict[str, str | None] = {
    "airspace opacity": "Lung Opacity",
    "infiltration": "Lung Opacity",
    "infiltrate": "Lung Opacity",
    "mass": "Lung Lesion",
    "nodule": "Lung Lesion",
    "effusion": "Pleural Effusion",
    "oedema": "Edema",
    "pleural thickening": "Pleural Other",
    "normal": NO_FINDING,
    "emphysema": None,
    "fibrosis": None,
    "hernia": None,
}
_NAMES = {name.lower(): name for name in OBSERVATIONS} | _ALIASES


def observation(name: str) -> str | None:
    """Return the observation that a dataset's label name stands for; None for known names outside the 14.

    Raises:
        KeyError: the name is neither one of the 14 nor a known alias.
    """
    return _NAMES[name.strip().replace("_", " ").lower()]


def is_abnormal(labels: Mapping[str, int]) -> bool:
    """Tell whether anything but support devices is positive or uncertain (CheXpert's No Finding rule)."""
    return any(labels.get(name) in (POSITIVE, UNCERTAIN) for name in PATHOLOGIES)
