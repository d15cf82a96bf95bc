"""What the ways to train that are compared on one device are given: sizes, batches, and a watch over their steps."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from medxpert.data.batch import Batch
from medxpert.models.architecture import Architecture, Transformer, published_architecture

_LENGTHS = Path(__file__).with_name("report_lengths.json")
_CONTEXT, END = 77, 49_407
_DISTINCT = 4
"""Batches that the steps go through by turns."""


class Size(NamedTuple):
    """What is trained, and how long."""

    architecture: Architecture
    frozen: int
    """Blocks of each tower, the embeddings below them included."""
    batch_sizes: tuple[int, ...]
    warmups: int
    steps: int


SIZES = {
    "full": Size(published_architecture("ViT-B-32-quickgelu"), 6, (64, 256, 1024), 10, 30),
    "quick": Size(
        Architecture("tiny", 64, 32, 64, Transformer(128, 2, 2), Transformer(64, 2, 1), activation="quick_gelu"),
        1,
        (4,),
        1,
        2,
    ),
}


class Batches:
    """Random films, and random tokens of real reports' lengths, which lie on the device already."""

    def __init__(self, size: Size, batch_size: int, device: str) -> None:
        generator = np.random.default_rng(0)
        counts = np.array(json.loads(_LENGTHS.read_text())["counts"], float)
        shape = (_DISTINCT, batch_size)
        self.batch_size, self.device = batch_size, device
        self._lengths = generator.choice(len(counts), size=shape, p=counts / counts.sum())
        side = size.architecture.image_side
        self._pixels = generator.integers(256, size=(*shape, side, side), dtype=np.uint8)
        self._words = generator.integers(1, END - 1, size=(*shape, _CONTEXT))

    @property
    def lengths(self) -> list[int]:
        """Tokens of each text of the first batch."""
        lengths: list[int] = self._lengths[0].tolist()
        return lengths

    def tokens(self, number: int) -> Tensor:
        """Return tokens [B, 77], zeros behind the mark that ends each text."""
        places, ends = np.arange(_CONTEXT), self._lengths[number][:, None] - 1
        marked = np.where(places == ends, END, self._words[number])
        return torch.from_numpy(np.where(places > ends, 0, marked)).to(self.device)

    def ours(self) -> list[Batch]:
        """Return batches as the data module makes them: grey bytes, texts cut to the longest."""
        rows = torch.arange(self.batch_size, device=self.device)
        labels = torch.zeros((self.batch_size, 14), dtype=torch.int8, device=self.device)
        return [
            Batch(
                torch.from_numpy(self._pixels[number]).to(self.device),
                self.tokens(number)[:, : self._lengths[number].max()].contiguous(),
                rows,
                rows,
                rows,
                labels,
            )
            for number in range(_DISTINCT)
        ]

    def stock(self) -> list[dict[str, Tensor]]:
        """Return batches as open_clip's and Hugging Face's transforms make them: three float planes, 77 tokens."""
        return [
            {
                "pixel_values": (torch.from_numpy(self._pixels[number]).to(self.device)[:, None] / 127.5 - 1).repeat(
                    1, 3, 1, 1
                ),
                "input_ids": self.tokens(number),
            }
            for number in range(_DISTINCT)
        ]


class Marks:
    """Takes the time between the last step that warms up and the last one."""

    def __init__(self, size: Size, device: str) -> None:
        self.size, self.device = size, device
        self.total = size.warmups + size.steps
        self._done, self._times = 0, [0.0, 0.0]

    def step(self) -> None:
        """Count a step that has been told to the device."""
        self._done += 1
        if self._done in (self.size.warmups, self.total):
            if self.device == "cuda":
                torch.cuda.synchronize()
            self._times[self._done == self.total] = time.perf_counter()

    def seconds_per_step(self) -> float:
        """Return the mean over the steps after those that warm up."""
        if self._done < self.total:
            raise ValueError(f"expected {self.total} steps, found {self._done}")
        return (self._times[1] - self._times[0]) / self.size.steps
