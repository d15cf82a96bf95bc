"""What each command loads before it can show its help, or an answer, and how long that takes.

$ python experiments/speed/imports.py > experiments/speed/imports.md    # about a minute
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import NamedTuple

_ROOT = Path(__file__).parents[2]
_REPEATS = 5
_HEAVIEST = 10
_LINE = re.compile(r"import time:\s*(\d+) \|\s*(\d+) \|(\s*)([\w.]+)")
_SCRIPTS = {
    **{name: [f"{name}.py"] for name in ("train", "evaluate", "infer")},
    **{name: ["-m", f"medxpert.{name}"] for name in ("prepare", "embed", "export", "app")},
}
_INTRODUCTION = f"""# What the commands load

Printed by `python experiments/speed/imports.py`: the median of {_REPEATS} fresh processes after one that is not
counted. The imports are the {_HEAVIEST} top-level packages that take longest, in ms of their own modules under
`python -X importtime`, which makes all of them slower.

| command | wall s | CPU s | packages |
|---|---|---|---|"""


class Cost(NamedTuple):
    """What one process takes, in seconds."""

    wall: float
    cpu: float


def cost(words: Sequence[str]) -> Cost:
    """Run a Python process to its end several times; return the medians.

    Raises:
        ValueError: it failed.
    """
    runs = [_once(words) for _ in range(_REPEATS + 1)][1:]
    return Cost(median(one.wall for one in runs), median(one.cpu for one in runs))


def _once(words: Sequence[str]) -> Cost:
    began = perf_counter()
    process = subprocess.Popen(
        [sys.executable, *words], cwd=_ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise ValueError(f"{' '.join(words)} ended with {process.returncode}")
    return Cost(perf_counter() - began, used.ru_utime + used.ru_stime)


def heaviest(words: Sequence[str]) -> list[tuple[str, float]]:
    """Return the top-level packages that a process imports and the ms of their own modules, the longest first."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *words], cwd=_ROOT, capture_output=True, text=True, check=True
    )
    taken: dict[str, float] = {}
    for own, _, _, module in _LINE.findall(done.stderr):
        package = module.partition(".")[0]
        taken[package] = taken.get(package, 0) + int(own) / 1000
    return sorted(taken.items(), key=lambda item: -item[1])[:_HEAVIEST]


def line(shown: str, words: Sequence[str]) -> str:
    """Return one line of the table."""
    wall, cpu = cost(words)
    packages = ", ".join(f"{name} {taken:.0f}" for name, taken in heaviest(words))
    return f"| `{shown}` | {wall:.2f} | {cpu:.2f} | {packages} |"


def main() -> None:
    """Print the table."""
    print(_INTRODUCTION)  # noqa: T201
    for words in _SCRIPTS.values():
        print(line(f"python {' '.join(words)} --help", [*words, "--help"]), flush=True)  # noqa: T201
    film = _ROOT / "outputs" / "latest" / "samples" / "sample_1.png"
    if film.is_file():
        answer = ["infer.py", "image=outputs/latest/samples/sample_1.png"]
        print(line(f"python {' '.join(answer)}", answer), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
