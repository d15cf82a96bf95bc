"""From the shell to an answer: `infer.py` on one image in a fresh process, against a script with open_clip."""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

from answer_run import TINY, asked
from limits import bandwidth_gb_per_second, matmul_gflops
from timing import Row, exponent

_ROOT = Path(__file__).parents[3]
_SPEED = _ROOT / "experiments" / "speed"
_STUDY = re.compile(r"\bp\d+-s\d+\b")
_TOP = 5
_COMMAND = "the command answers in 1.5 s"
_CALL = "the library answers in 1 s, Python's start included"
_LIBRARY = """
import sys
from pathlib import Path
from medxpert.assistant import Assistant
from medxpert.drafting import Drafting
from medxpert.gating import Gate
from medxpert.reporters.template import TemplateReporter
from medxpert.run import open_run
assistant = Assistant(open_run(sys.argv[1]), Drafting(Gate(TemplateReporter())))
print(*(hit.study_id for hit in assistant.ask_image(Path(sys.argv[2])).hits))
"""


class Outcome(NamedTuple):
    """What one process did, from its start to its end."""

    studies: tuple[str, ...]
    """That it named first."""
    seconds: float
    peak_mb: float


Way = Callable[[Path, Path], Outcome]
"""From a run and an image to the answer."""


def prepare(quick: bool) -> None:
    """Build the runs that are asked, where they are not there yet."""
    # in a process of its own: the memory of this one would count among its children's
    subprocess.run([sys.executable, _SPEED / "answer_run.py", *(["quick"] if quick else [])], check=True)


def measure(quick: bool) -> Row:
    """Measure the row."""
    prepare(quick)
    given = asked(quick)
    sizes = sorted(given.runs)
    run = given.runs[sizes[1]]
    by_stock = partial(_stock, given.checkpoint, [TINY.name] if quick else [])
    films = given.films[: 1 if quick else 3]
    _same(films, run, by_stock)
    first = _first(run, films[0])
    ways: tuple[Way, ...] = (_command, by_stock, _library)
    command, stock, library = _by_turns(ways, run, films, 1 if quick else 2)
    for size in sizes:
        _command(given.runs[size], films[0])  # later ones find its checksums, and its files in memory
    grown = [_by_turns([_command], given.runs[size], films[:2], 1)[0].seconds for size in sizes]
    limit = _limit(run)
    return Row(
        name="cold_start",
        work=f"infer.py, one image to its {_TOP} nearest of {sizes[1]:,} studies and its report, fresh process",
        stock_way="a script: open_clip, torch.load, faiss, pandas",
        ratio=stock.seconds / command.seconds,
        target=8,
        ours=command.seconds,
        stock=stock.seconds,
        unit="s",
        limit="weights of the image tower read once from memory, and one image at the matmul peak",
        value=limit,
        share_of_limit=limit / command.seconds,
        peak_memory_mb={"ours": command.peak_mb, "stock": stock.peak_mb},
        growth={**dict(zip(map(str, sizes), grown, strict=True)), "exponent": exponent(sizes, grown)},
        notes=_notes(library, stock, first, len(films)),
        reached={_COMMAND: command.seconds <= 1.5, _CALL: library.seconds <= 1},
    )


def _notes(library: Outcome, stock: Outcome, first: Outcome, films: int) -> tuple[str, ...]:
    return (
        f"{films} films that no gallery holds; both sides name the same {_TOP} studies; page cache warm on both",
        "films are PNG files at the model's side: the time to decode a full-size JPEG is the row jpeg_decode",
        f"the same from Python in a fresh process: {library.seconds:.2f} s, {library.peak_mb:.0f} MB; "
        f"{stock.seconds / library.seconds:.1f} times as fast as the script",
        f"the first answer after a run, a YAML or a module changed: {first.seconds:.2f} s; it reads every file's "
        "checksum and composes the configuration anew",
        "random weights; the gallery's rows are drawn around those of rendered films; the script writes no report, and "
        "its checkpoint holds no optimiser",
    )


def _command(run: Path, film: Path) -> Outcome:
    """Ask as one types it."""
    return _done([str(_ROOT / "infer.py"), f"run={run}", f"image={film}"])


def _library(run: Path, film: Path) -> Outcome:
    """Ask from Python."""
    return _done(["-c", _LIBRARY, str(run), str(film)])


def _stock(checkpoint: Path, model: Sequence[str], run: Path, film: Path) -> Outcome:
    """Ask the script."""
    return _done([str(_SPEED / "stock_answer.py"), str(run), str(checkpoint), str(film), *model])


def _done(words: Sequence[str], **environment: str) -> Outcome:
    """Run a Python process to its end.

    Raises:
        ValueError: it failed.
    """
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, *words], stdout=out, stderr=err, cwd=_ROOT, env={**os.environ, **environment}
        )
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0), err.seek(0)
        if process.returncode:
            raise ValueError(f"{words[0]} failed: {err.read()[-500:]}")
        return Outcome(tuple(_STUDY.findall(out.read())[:_TOP]), seconds, used.ru_maxrss / 1024)


def _same(films: Sequence[Path], run: Path, stock: Way) -> None:
    """Refuse to time answers that differ.

    Raises:
        ValueError: naming the first film.
    """
    for film in films:
        found = {way: one(run, film).studies for way, one in (("ours", _command), ("lib", _library), ("stock", stock))}
        if len(set(found.values())) > 1 or len(found["ours"]) < _TOP:
            raise ValueError(f"{film.name}: expected the same {_TOP} studies, found {found}")


def _first(run: Path, film: Path) -> Outcome:
    """Ask where nothing is remembered."""
    with tempfile.TemporaryDirectory() as cache:
        return _done([str(_ROOT / "infer.py"), f"run={run}", f"image={film}"], MEDXPERT_CACHE=cache)


def _by_turns(ways: Sequence[Way], run: Path, films: Sequence[Path], rounds: int) -> list[Outcome]:
    """Ask each way about each film by turns; return the medians, of memory the peak."""
    outcomes: list[list[Outcome]] = [[] for _ in ways]
    for turn, film in enumerate([*films] * rounds):
        for place, way in list(enumerate(ways))[:: -1 if turn % 2 else 1]:
            outcomes[place].append(way(run, film))
    return [Outcome((), median(one.seconds for one in some), max(one.peak_mb for one in some)) for some in outcomes]


def _limit(run: Path) -> float:
    """Return the seconds without which no process answers: its weights from memory, its products at their peak."""
    from encoding_flops import image_flops

    from medxpert.models.folder import read_card
    from medxpert.models.weights import weight_shapes

    architecture = read_card(run / "model").architecture
    shapes = weight_shapes(architecture)
    values = sum(math.prod(shape) for name, shape in shapes.items() if name.startswith("image."))
    return 4 * values / 1e9 / bandwidth_gb_per_second() + image_flops(architecture) / 1e9 / matmul_gflops("float32")


ROWS: dict[str, Callable[[bool], Row]] = {"cold_start": measure}
