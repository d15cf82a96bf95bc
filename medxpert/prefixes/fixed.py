"""A cache is only right where a study's pixels are the same whenever they are drawn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from torch import Tensor

from medxpert.data.batch import Drawn
from medxpert.data.order import Draw
from medxpert.errors import ConfigError

_NUM_STUDIES = 8
_EPOCHS = 2


def check_fixed(drawn: Drawn) -> None:
    """Draw the first studies in two epochs and compare their pixels with those of the store.

    Raises:
        ConfigError: pixels are changed before training sees them.
    """
    plain = replace(drawn, states=None)
    rows = range(min(_NUM_STUDIES, len(drawn.store)))
    for epoch in range(_EPOCHS):
        batch = plain[[Draw(epoch, row, 0) for row in rows]]
        for view in (batch.pixels, batch.second_pixels):
            if view is not None:
                _check_studies(drawn, view)


def _check_studies(drawn: Drawn, view: Tensor) -> None:
    for row, shown in enumerate(view.numpy()):
        stored = drawn.store.pixels[drawn.store.every_image[row]]
        if not any(np.array_equal(shown, one) for one in stored):
            raise ConfigError(
                f"model.cache_prefix=true: training changes the pixels of study {drawn.store.cases.study_ids[row]} "
                "when it draws them, which a cache would undo; leave out what changes them, or model.cache_prefix"
            )
