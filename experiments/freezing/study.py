"""Train, measure and table the freezing study: $ python experiments/freezing/study.py.

A cell that is finished under outputs/freezing/ is not trained again, so an interrupted study goes on where it was.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from medxpert.data.readers.phantom import read
from medxpert.data.store import Store, default_cache, open_store
from medxpert.data.stored import Representation
from medxpert.data.survey import survey
from medxpert.embedding import embed
from medxpert.models.clip import CLIP, Freeze, open_model
from medxpert.run import OUTPUTS
from medxpert.studies import Column, Row, difference_lines, header, hits, line, seconds, spreads, train

SEEDS = (0, 1, 2)


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
        return [*self.size.flags, *self.level.flags, f"seed={self.seed}"]


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
COLUMNS = [Column(direction, "identity", k) for direction, k in product(("image_to_text", "text_to_image"), (1, 5, 10))]


def main() -> None:
    """Train what is missing, then print the tables."""
    cells = [Cell(*choice) for choice in product(SIZES, LEVELS, SEEDS)]
    for cell in cells:
        train(cell.folder, ["experiment=freezing", *cell.flags])
    store = test_store(open_model(cells[0].folder / "model").image_side)
    for size in SIZES:
        levels = {level: [cell for cell in cells if cell[:2] == (size, level)] for level in LEVELS}
        rows = {level: measure(chosen, store) for level, chosen in levels.items()}
        counts = {
            level: trainable(open_model(chosen[0].folder / "model"), level.freeze) for level, chosen in levels.items()
        }
        sys.stdout.write(
            "\n".join(table(size.title, rows, counts, np.array(store.cases.patient_ids)[store.cases.abnormal])) + "\n\n"
        )


def test_store(side: int) -> Store:
    """Open the test split of the default phantom: its patients are in nobody's training split."""
    found = survey(partial(read, side=side))
    return open_store(found.studies["test"], found.rejected["test"], "test", Representation(side), default_cache())


def measure(cells: Sequence[Cell], store: Store) -> Row:
    """Collect the seeds of one level at one size."""
    models = [open_model(cell.folder / "model") for cell in cells]
    found = [hits(*embed(model, store), store.cases, COLUMNS, store.cases.abnormal) for model in models]
    return Row(np.stack(found), np.array([seconds(cell.folder) for cell in cells]))


def trainable(model: CLIP, freeze: Freeze) -> int:
    """Count the parameters that a training changes."""
    model.freeze(freeze)
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def table(
    title: str, rows: Mapping[Level, Row], parameters: Mapping[Level, int], patients: NDArray[np.str_]
) -> Iterator[str]:
    """Write Markdown: Recall@K as mean and sd over the seeds, and paired differences to the reference."""
    reference, titles = rows[REFERENCE], [column.title for column in COLUMNS]
    yield f"**{title}**; {len(patients)} abnormal test queries of {len(set(patients.tolist()))} patients\n"
    yield header("start and frozen blocks", "trained parameters", "time", *titles)
    for level, row in rows.items():
        ratio = np.median(row.seconds) / np.median(reference.seconds)
        yield line(level.title, f"{parameters[level]:,}", f"{ratio:.2f}", *spreads(row))
    yield f"\nDifference to *{REFERENCE.title}*, in points\n"
    by_title = {level.title: row for level, row in rows.items()}
    yield from difference_lines(["start and frozen blocks", *titles], by_title, REFERENCE.title, patients)


if __name__ == "__main__":
    main()
