"""What the studies under experiments/ share: trainings that are made once, and tables over their seeds."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from medxpert.cases import Cases
from medxpert.metrics.ranking import fractions
from medxpert.metrics.retrieval import pair, rank_pairs, select, tabulate
from medxpert.metrics.statistics import Intervals, paired_difference
from medxpert.run import PROVENANCE, Run

_TRAIN = Path(__file__).parents[1] / "train.py"
_ARROWS = {"image_to_text": "image → text", "text_to_image": "text → image"}


class Column(NamedTuple):
    """One figure of a table: a direction, a relevance policy and a cut-off."""

    direction: str
    relevance: str
    k: int

    @property
    def title(self) -> str:
        """Head of the column; identity goes without saying."""
        policy = "" if self.relevance == "identity" else f"{self.relevance} "
        return f"{_ARROWS[self.direction]} {policy}R@{self.k}"


class Row(NamedTuple):
    """One arm of a study, over its S seeds.

    Attributes:
        hits: expected hits of Q queries in M columns, [S, Q, M] in [0, 1].
        seconds: of training, [S].
    """

    hits: NDArray[np.float64]
    seconds: NDArray[np.float64]


def train(folder: Path, flags: Sequence[str]) -> None:
    """Run train.py into a folder that holds no finished run yet."""
    if (folder / PROVENANCE).is_file():
        return
    shutil.rmtree(folder, ignore_errors=True)
    sys.stderr.write(f"training {folder}\n")
    command = [sys.executable, str(_TRAIN), *flags, f"hydra.run.dir={folder}"]
    subprocess.run(command, check=True, stdout=sys.stderr)


def seconds(folder: Path) -> float:
    """Return how long a run's training took, validation included."""
    return float(Run(folder).provenance["training_seconds"])


def hits(
    image: NDArray[np.floating],
    text: NDArray[np.floating],
    cases: Cases,
    columns: Sequence[Column],
    queries: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Return how Q studies fare as queries against the whole split, [Q, M].

    Args:
        image: unit rows [N, D] of the split.
        text: likewise.
        cases: its N studies.
        columns: the M figures.
        queries: [N] which studies ask.
    """
    ranked = select(rank_pairs(pair(image, text, cases.texts)), queries)
    found = tabulate(ranked, partial(fractions, cutoffs=sorted({column.k for column in columns})))
    places = [found.columns.index((one.direction, one.relevance, f"recall@{one.k}")) for one in columns]
    return found.values[:, places]


def spreads(row: Row) -> list[str]:
    """Write each column as mean ± standard deviation over the seeds, in %."""
    recalls = 100 * row.hits.mean(axis=1)
    return [
        f"{mean:.1f} ± {sd:.1f}" for mean, sd in zip(recalls.mean(axis=0), recalls.std(axis=0, ddof=1), strict=True)
    ]


def differences(row: Row, reference: Row, patients: NDArray[np.str_]) -> list[str]:
    """Write each column's paired difference in points: hits averaged over the seeds, interval over patients."""
    found: Intervals = paired_difference(row.hits.mean(axis=0), reference.hits.mean(axis=0), patients)
    return [
        f"{100 * value:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})" for value, low, high in zip(*found, strict=True)
    ]


def difference_lines(
    titles: Sequence[str], rows: Mapping[str, Row], reference: str, patients: NDArray[np.str_]
) -> Iterator[str]:
    """Write the Markdown table of paired differences to one row, of the others by their titles."""
    yield header(*titles)
    yield from (
        line(title, *differences(row, rows[reference], patients)) for title, row in rows.items() if title != reference
    )


def header(*titles: str) -> str:
    """Return a Markdown table's head."""
    return line(*titles) + "\n" + line(*["---"] * len(titles))


def line(*cells: str) -> str:
    """Return a Markdown table's row."""
    return f"| {' | '.join(cells)} |"
