import numpy as np
import pytest

from medxpert.evidence.calibrated import PROBE, ZERO_SHOT, Calibration, Platt, Readout

NUM = 14


@pytest.fixture
def calibrate():
    """Returns a calibration whose evidence for each observation is a direction [14, D], half by each source."""

    def make(directions):
        width = directions.shape[1]
        readout = Readout(np.zeros((NUM, width, 3)), np.zeros((NUM, 3)), np.full(NUM, np.nan))
        scale = np.linspace(0.5, 2, width)
        platt = Platt(np.full(NUM, 2.0), np.zeros(NUM))
        probe = np.vstack([(directions * scale).T, np.zeros(NUM)])
        return Calibration(
            mean=np.zeros(width),
            scale=scale,
            probe=probe,
            prompts=directions,
            sources={ZERO_SHOT: platt, PROBE: platt},
            weights={ZERO_SHOT: np.full(NUM, 0.25), PROBE: np.full(NUM, 0.25)},
            bias=np.zeros(NUM),
            sides=readout,
            severities=readout,
        )

    return make
