"""Captions of one split by a run of a captioner, measured beside captions that need no image.

$ python experiments/captions/score.py [run=latest_caption] [split=test] [beams=3]

The data are those of the run. A look at test is counted in the run's metrics.json.
"""

from __future__ import annotations

import sys
from itertools import islice

import numpy as np
from omegaconf import OmegaConf

from medxpert.captioners.blip import BlipCaptioner
from medxpert.captioning import LateTokenizer
from medxpert.config.build import build
from medxpert.datamodule import DataModule
from medxpert.evaluation.captions import block, compare
from medxpert.evaluation.record import COUNTED, METRICS, count_look
from medxpert.resuming import read_config
from medxpert.run import open_caption_run
from medxpert.tables.blocks import Tables
from medxpert.tables.console import show


def main(run: str = "latest_caption", split: str = "test", beams: str = "3", most: str = "100000") -> None:
    """Caption the studies of a split and print the table."""
    found = open_caption_run(run)
    captioner = BlipCaptioner(run=run, num_beams=int(beams))
    cfg = OmegaConf.create(read_config(found.path))
    data: DataModule = build(
        cfg.loader, reader=build(cfg.data), tokenizer=LateTokenizer(), image_side=captioner.image_side
    )()
    data.setup()
    store = data.stores[split]
    rows = np.array(list(islice(range(len(store)), int(most))))
    captions = captioner(store.pixels[[int(store.image_rows[row][0]) for row in rows]])
    measured = compare(captions, store.cases.take(rows), data.stores["train"].cases.texts, cfg.seed)
    notes = [f"Readable captions: {measured['readable']:.1%}."]
    if split in COUNTED:
        notes.append(f"Looks at {split}: {count_look(found.path / METRICS, split, captioner.policy)}.")
    show(Tables(f"{split} · {len(rows):,} studies", tuple(notes), (block(split, measured),)), captioner.policy)


if __name__ == "__main__":
    main(**dict(one.split("=", 1) for one in sys.argv[1:]))
