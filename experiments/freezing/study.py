"""Train, measure and table the freezing study: $ python experiments/freezing/study.py.

A cell that is finished under outputs/freezing/ is not trained again, so an interrupted study goes on where it was.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from medxpert.data.readers.phantom import read
from medxpert.data.store import Store, default_cache, open_store
from medxpert.embedding import embed
from medxpert.metrics.ranking import fractions
from medxpert.metrics.retrieval import pair, rank_pairs, select, tabulate
from medxpert.metrics.statistics import Intervals, paired_difference
from medxpert.models.clip import CLIP, Freeze, open_model
from medxpert.run import OUTPUTS, PROVENANCE

TRAIN = Path(__file__).parents[2] / "train.py"
SEEDS = (0, 1, 2)
CUTOFFS = (1, 5, 10)


class Size(NamedTuple):
    """How much there is to adapt to."""

    name: str
    title: str
    flags: tuple[str, ...]


class Level(NamedTuple):
    """What a training starts from, and what of it stays as it is."""

    name: str
    title: str
    flags: tuple[str, ...]
    freeze: Freeze


class Cell(NamedTuple):
    """One training."""

    size: Size
    level: Level
    seed: int

    @property
    def folder(self) -> Path:
        """Its run directory."""
        return OUTPUTS / "freezing" / f"{self.size.name}-{self.level.name}-seed{self.seed}"

    @property
    def flags(self) -> list[str]:
        """What distinguishes it from the other cells on the command line."""
        return [*self.size.flags, *self.level.flags, f"seed={self.seed}", f"hydra.run.dir={self.folder}"]


class Row(NamedTuple):
    """One level at one size, over its S seeds.

    Attributes:
        hits: whether each of Q queries found its pair, [S, Q, M], for M columns as `COLUMNS` names them.
        seconds: of training, [S].
        parameters: how many were trained.
    """

    hits: NDArray[np.float64]
    seconds: NDArray[np.float64]
    parameters: int


def frozen(image_blocks: int, text_blocks: int, title: str) -> Level:
    """Return the level that starts from pretrained weights and freezes so many blocks."""
    flags = ("pretrain=shapes", f"model.freeze.image_blocks={image_blocks}", f"model.freeze.text_blocks={text_blocks}")
    return Level(f"image{image_blocks}-text{text_blocks}", title, flags, Freeze(image_blocks, text_blocks))


REFERENCE = frozen(0, 0, "pretrained, nothing frozen")
LEVELS = (
    Level("random", "random weights, nothing frozen", (), Freeze()),
    REFERENCE,
    frozen(1, 0, "pretrained, first image block frozen"),
    frozen(2, 0, "pretrained, first two image blocks frozen"),
    frozen(3, 0, "pretrained, all three image blocks frozen"),
    frozen(3, 2, "pretrained, all image and text blocks frozen"),
)
SIZES = (
    Size("many", "About 2,400 training studies, 5 passes", ("data.num_studies=3000", "trainer.max_epochs=5")),
    Size("few", "About 800 training studies, 10 passes", ("data.num_studies=1000", "trainer.max_epochs=10")),
)
COLUMNS = [(direction, f"recall@{k}") for direction, k in product(("image_to_text", "text_to_image"), CUTOFFS)]


def main() -> None:
    """Train what is missing, then print the tables."""
    cells = [Cell(*choice) for choice in product(SIZES, LEVELS, SEEDS)]
    for cell in cells:
        train(cell)
    store = test_store(open_model(cells[0].folder / "model").image_side)
    for size in SIZES:
        rows = {level: measure([cell for cell in cells if cell[:2] == (size, level)], store) for level in LEVELS}
        sys.stdout.write("\n".join(table(size.title, rows, patients_of(store))) + "\n\n")


def train(cell: Cell) -> None:
    """Run train.py for a cell that is not finished."""
    if (cell.folder / PROVENANCE).is_file():
        return
    shutil.rmtree(cell.folder, ignore_errors=True)
    sys.stderr.write(f"training {cell.folder}\n")
    command = [sys.executable, str(TRAIN), "experiment=freezing", *cell.flags]
    subprocess.run(command, check=True, stdout=sys.stderr)


def test_store(side: int) -> Store:
    """Open the test split of the default phantom: its patients are in nobody's training split."""
    return open_store(partial(read, side=side), "test", side, "longest", "frontal_first", default_cache())


def measure(cells: Sequence[Cell], store: Store) -> Row:
    """Collect the seeds of one level at one size."""
    models = [open_model(cell.folder / "model") for cell in cells]
    return Row(
        np.stack([hits(model, store) for model in models]),
        np.array([seconds(cell.folder) for cell in cells]),
        trainable(models[0], cells[0].level.freeze),
    )


def hits(model: CLIP, store: Store) -> NDArray[np.float64]:
    """Return whether each abnormal study's pair is among the first K of the whole split, [Q, M]."""
    ranked = rank_pairs(pair(*embed(model, store), store.cases.texts))
    identity = [one for one in select(ranked, store.cases.abnormal) if one.relevance == "identity"]
    found = tabulate(identity, partial(fractions, cutoffs=CUTOFFS))
    places = [found.columns.index((direction, "identity", metric)) for direction, metric in COLUMNS]
    return found.values[:, places]


def patients_of(store: Store) -> NDArray[np.str_]:
    """Return the patient of each query, [Q]."""
    return np.array(store.cases.patient_ids)[store.cases.abnormal]


def seconds(folder: Path) -> float:
    """Return how long the training took, validation included."""
    state = torch.load(folder / "checkpoints" / "last.ckpt", map_location="cpu", weights_only=True)
    return float(state["callbacks"]["Timer"]["time_elapsed"]["train"])


def trainable(model: CLIP, freeze: Freeze) -> int:
    """Count the parameters that a training changes."""
    model.freeze(freeze)
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def table(title: str, rows: Mapping[Level, Row], patients: NDArray[np.str_]) -> Iterator[str]:
    """Write Markdown: Recall@K as mean and sd over the seeds, and paired differences to the reference."""
    reference = rows[REFERENCE]
    yield f"**{title}**; {len(patients)} abnormal test queries of {len(set(patients.tolist()))} patients\n"
    yield header("trained parameters", "time")
    for level, row in rows.items():
        ratio = np.median(row.seconds) / np.median(reference.seconds)
        recalls = 100 * row.hits.mean(axis=1)
        cells = [
            f"{mean:.1f} ± {sd:.1f}" for mean, sd in zip(recalls.mean(axis=0), recalls.std(axis=0, ddof=1), strict=True)
        ]
        yield line(level.title, f"{row.parameters:,}", f"{ratio:.2f}", *cells)
    yield f"\nDifference to *{REFERENCE.title}*, in points\n"
    yield header()
    for level, row in rows.items():
        if level != REFERENCE:
            yield line(level.title, *differences(row, reference, patients))


def differences(row: Row, reference: Row, patients: NDArray[np.str_]) -> list[str]:
    """Return each column's paired difference: hits averaged over the seeds, interval over patients."""
    found: Intervals = paired_difference(row.hits.mean(axis=0), reference.hits.mean(axis=0), patients)
    return [
        f"{100 * value:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})" for value, low, high in zip(*found, strict=True)
    ]


def header(*more: str) -> str:
    """Return a table's head, `more` between the level and the recalls."""
    arrows = {"image_to_text": "image → text", "text_to_image": "text → image"}
    names = [f"{arrows[direction]} R@{metric.partition('@')[2]}" for direction, metric in COLUMNS]
    return line("start and frozen blocks", *more, *names) + "\n" + line(*["---"] * (1 + len(more) + len(names)))


def line(*cells: str) -> str:
    """Return a table's row."""
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
