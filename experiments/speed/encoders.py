"""How long each encoder takes to open, for one image and text, and for many: python experiments/speed/encoders.py.

Each runs in a fresh process on a ViT-B/32 with random weights. Processor seconds of one core, which other work on the
machine disturbs less than wall time.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

_MODULES = {
    "numpy": "medxpert.models.inference",
    "torch": "medxpert.models.encoders.torch",
    "openvino": "medxpert.models.encoders.openvino",
    "onnx": "medxpert.models.encoders.onnx",
}
_MANY = 32
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_HEAD = "| encoder | import | open | first image | one image | one text | images/s | texts/s |\n" + "|---" * 8 + "|"


def main() -> None:
    """Print the table, or the line of the encoder named by the arguments."""
    if len(sys.argv) == 3:
        sys.stdout.write(line(sys.argv[1], Path(sys.argv[2])) + "\n")
        return
    with TemporaryDirectory() as name:
        write_model(Path(name))
        sys.stdout.write(_HEAD + "\n")
        core = min(os.sched_getaffinity(0))
        for encoder in _MODULES:
            subprocess.run(
                [sys.executable, __file__, encoder, name],
                check=True,
                env=os.environ | dict.fromkeys(_THREADS, "1"),
                preexec_fn=lambda: os.sched_setaffinity(0, {core}),
            )


def write_model(folder: Path) -> None:
    """Export a ViT-B/32 with random weights."""
    from medxpert.models.clip import vit_clip

    vit_clip("ViT-B-32-quickgelu").export(folder)


def line(name: str, folder: Path) -> str:
    """Measure one encoder; a row of the table, in processor seconds."""
    times = [time.process_time()]
    module = import_module(_MODULES[name])
    times.append(time.process_time())
    encoder = module.open_encoder(folder)
    times.append(time.process_time())
    drawn = np.random.default_rng(0)
    films = drawn.integers(0, 256, (_MANY, encoder.image_side, encoder.image_side), dtype=np.uint8)
    # words drawn at random, so that no two texts begin alike
    words = ["heart", "lungs", "clear", "effusion", "left", "right", "normal", "no", "mild", "base", "silhouette"]
    texts = [" ".join(drawn.choice(words, 40)) for _ in range(_MANY)]
    encoder.encode_images(films[:1])
    times.append(time.process_time())
    each = [
        _least(lambda: encoder.encode_images(films[:1])),
        _least(lambda: encoder.encode_texts(texts[:1])),
        _MANY / _least(lambda: encoder.encode_images(films)),
        _MANY / _least(lambda: encoder.encode_texts(texts)),
    ]
    spans = [f"{one:.2f}" for one in np.diff(times)]
    return f"| {name} | {' | '.join(spans)} | {each[0]:.3f} | {each[1]:.3f} | {each[2]:.1f} | {each[3]:.1f} |"


def _least(work: Callable[[], object], repeats: int = 4) -> float:
    taken = []
    for _ in range(repeats):
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return min(taken)


if __name__ == "__main__":
    main()
