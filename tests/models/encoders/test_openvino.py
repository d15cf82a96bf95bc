"""What OpenVINO does to the process."""

import subprocess
import sys

import pytest

from medxpert.models.architecture import Architecture, Transformer
from medxpert.models.clip import CLIP

SMALL = Architecture("small", 32, 8, 24, Transformer(64, 1, 2), Transformer(32, 1, 2), vocab_size=600)
SIGNALLED = """
import faulthandler, gc, os, signal, sys
from pathlib import Path
import numpy as np
from medxpert.models.encoders.openvino import OpenvinoEncoder

faulthandler.enable()
for _ in range(2):
    encoder = OpenvinoEncoder.open(Path(sys.argv[1]))
    encoder.encode_images(np.zeros((1, 32, 32), np.uint8))
    encoder.encode_texts(["a heart"])
    del encoder._image
    gc.collect()
    del encoder
    gc.collect()
signal.signal(signal.SIGUSR1, lambda *_: print("handled"))
os.kill(os.getpid(), signal.SIGUSR1)
"""


def test_a_process_survives_signals_after_its_encoders(tmp_path):
    pytest.importorskip("openvino")
    CLIP(SMALL).export(tmp_path)
    done = subprocess.run([sys.executable, "-c", SIGNALLED, tmp_path], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "handled\n"), done.stderr
