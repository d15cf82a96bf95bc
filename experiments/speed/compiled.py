"""Does torch.compile make a training step faster here?

$ python experiments/speed/compiled.py              # ViT-B/32, batch 16: 3 minutes on 2 cores; needs a C++ compiler
$ python experiments/speed/compiled.py quick=true   # a trial on tiny sizes

The blocks of the image tower are compiled, one graph for all. Those of the text tower see other lengths in every batch:
a compiled graph gets them padded, which costs more than it could save.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from options import quick_or_nothing
from stock import steps
from training import Setting

_BATCH, _TURNS, _STEPS = 16, 3, 2


def main() -> None:
    """Print seconds and ratio."""
    quick = quick_or_nothing(sys.argv[1:])
    with tempfile.TemporaryDirectory() as name:
        first, plain, compiled = measured(Setting(quick, Path(name)), 4 if quick else _BATCH)
    sys.stdout.write(
        f"a step {plain:.2f} s, with compiled image blocks {compiled:.2f} s: {plain / compiled:.2f} times as fast; "
        f"the first two steps, which compile, {first:.0f} s\n"
    )


def measured(setting: Setting, batch_size: int) -> tuple[float, float, float]:
    """Return the seconds of the first two compiled steps, of a plain step and of a compiled one, by turns."""
    plain, compiled = setting.module(), Setting(setting.quick, setting.folder).module()
    for block in compiled.model.image.blocks:
        block.compile()
    began = time.perf_counter()
    steps(compiled, setting.data(batch_size), 1, setting.precision)
    first = time.perf_counter() - began
    taken: dict[bool, list[float]] = {False: [], True: []}
    for turn in range(1 if setting.quick else _TURNS):
        for which in (False, True)[:: -1 if turn % 2 else 1]:
            module = compiled if which else plain
            taken[which] += steps(module, setting.data(batch_size), _STEPS, setting.precision)
    return first, median(taken[False]), median(taken[True])


if __name__ == "__main__":
    main()
