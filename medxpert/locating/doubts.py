"""Why a map is to be doubted: how often its warmest place lay in the finding where the truth is known.

`measured.json` is written by `experiments/localization/score.py`, from validation films of the phantom.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

OF_TEXTS = "Maps of a whole text were not checked against known findings."
UNCHECKED = "Maps of this model were not checked against known findings."
MEASURED = Path(__file__).parent / "measured.json"


@cache
def _measured() -> dict[str, dict[str, Any]]:
    return json.loads(MEASURED.read_text(encoding="utf-8"))


def of_observation(architecture: str, observation: str) -> str:
    """Return one sentence, or "" where the map clearly beats the place that is best if one does not look.

    Args:
        architecture: name of the model's.
        observation: one of the 14.
    """
    found = _measured().get(architecture, {}).get(observation)
    if found is None:
        return UNCHECKED
    if found["better"]:
        return ""
    return (
        f"On phantom films the warmest place lay in the finding in {found['map']:.0%} of {found['films']}; "
        f"pointing where it usually is, without looking, does so in {found['usual_place']:.0%}."
    )
