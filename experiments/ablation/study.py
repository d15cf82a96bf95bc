"""Train, measure and table the ablation: $ python experiments/ablation/study.py.

An arm that is finished under outputs/ablation/ is not trained again, so an interrupted study goes on where it was.
With --jobs 2, two arms are trained at a time, one thread each.
"""

import os
import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from medxpert.run import OUTPUTS, Run
from medxpert.studies import Column, Row, difference_lines, header, hits, line, seconds, spreads, train

SEEDS = (0, 1, 2)


class Arm(NamedTuple):
    """One thing that is changed about the reference."""

    name: str
    title: str
    flags: tuple[str, ...] = ()


REFERENCE = Arm("reference", "reference: pretrained, nothing frozen, InfoNCE, one film, longest section")
FILMS = ("data.num_images=2",)
SECTIONS = ("loader.text=two_sections",)
ARMS = (
    REFERENCE,
    Arm("freezing", "first image block frozen", ("model.freeze.image_blocks=1",)),
    Arm("random_film", "one of two films, drawn in each epoch", (*FILMS, "loader.images=random")),
    Arm("two_films", "two films", (*FILMS, "loader.images=two")),
    Arm("image_image", "two films, term between them", (*FILMS, "loader.images=two", "module.image_image=1")),
    Arm("two_sections", "findings and impression", SECTIONS),
    Arm("text_text", "findings and impression, term between them", (*SECTIONS, "module.text_text=0.5")),
    Arm("multi_positive", "multi_positive, equal texts", ("loss=multi_positive",)),
    Arm("soft", "multi_positive, equal texts, labels at 0.2", ("loss=multi_positive", "loss.soft=0.2")),
    Arm("sigmoid", "sigmoid", ("loss=sigmoid",)),
    Arm("layer_decay", "learning rate decays by 0.7 per block", ("module.layer_decay=0.7",)),
    Arm("ema", "EMA of 0.98", ("callbacks=ema", "callbacks.ema.decay=0.98")),
    Arm("wise_ft", "WiSE-FT, 0.8 of the adapted weights", ("module.wise_ft=0.8",)),
    Arm("lora", "LoRA of rank 8", ("model.lora.rank=8",)),
)
DIRECTIONS = ("image_to_text", "text_to_image")


def folder(arm: Arm, seed: int) -> Path:
    """Return the run directory of one training."""
    return OUTPUTS / "ablation" / f"{arm.name}-seed{seed}"


def main() -> None:
    """Train what is missing, then print the tables."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1, help="arms that are trained at a time [1]")
    jobs = parser.parse_args().jobs
    if jobs > 1:
        os.environ["OMP_NUM_THREADS"] = "1"
    first, *others = product(SEEDS, ARMS)
    one(*first)  # makes the pretrained weights and the decoded pixels that all share
    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(lambda choice: one(*choice), others))
    cases = Run(folder(REFERENCE, SEEDS[0])).embeddings("test").cases
    for title, relevance, queries in (
        ("abnormal queries, the same study", "identity", cases.abnormal),
        ("all queries, the same text", "same_text", np.ones(len(cases), bool)),
    ):
        columns = [Column(direction, relevance, k) for direction, k in product(DIRECTIONS, (1, 10))]
        rows = {arm: measure(arm, columns, queries) for arm in ARMS}
        patients = np.array(cases.patient_ids)[queries]
        sys.stdout.write("\n".join(table(title, columns, rows, patients)) + "\n\n")


def one(seed: int, arm: Arm) -> None:
    """Train one arm with one seed."""
    train(folder(arm, seed), ["experiment=ablation", *arm.flags, f"seed={seed}"])


def measure(arm: Arm, columns: Sequence[Column], queries: NDArray[np.bool_]) -> Row:
    """Collect the seeds of an arm, asked by some studies of the test split."""
    runs = [folder(arm, seed) for seed in SEEDS]
    test = [Run(run).embeddings("test") for run in runs]
    found = [hits(one.image, one.text, one.cases, columns, queries) for one in test]
    return Row(np.stack(found), np.array([seconds(run) for run in runs]))


def table(title: str, columns: Sequence[Column], rows: Mapping[Arm, Row], patients: NDArray[np.str_]) -> Iterator[str]:
    """Write Markdown: Recall@K as mean and sd over the seeds, and paired differences to the reference."""
    reference, titles = rows[REFERENCE], [column.title for column in columns]
    yield f"**{title}**; {len(patients)} test queries of {len(set(patients.tolist()))} patients\n"
    yield header("arm", "time", *titles)
    for arm, row in rows.items():
        yield line(arm.title, f"{np.median(row.seconds) / np.median(reference.seconds):.2f}", *spreads(row))
    yield "\nDifference to the reference, in points\n"
    by_title = {arm.title: row for arm, row in rows.items()}
    yield from difference_lines(["arm", *titles], by_title, REFERENCE.title, patients)


if __name__ == "__main__":
    main()
