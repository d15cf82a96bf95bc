"""The training step of the project and of open_clip: the same weights, studies, freezing and optimizer."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property, partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from lightning_fabric.utilities import move_data_to_device
from stock import ADAMW, FROZEN, Stock, open_clip_model, stored_model
from torch import Tensor, nn

from medxpert.config.hardware import fast_precision
from medxpert.data.batch import Batch
from medxpert.data.readers.phantom import read
from medxpert.datamodule import DataModule
from medxpert.losses.info_nce import InfoNCE
from medxpert.models.architecture import Architecture, Transformer, published_architecture
from medxpert.models.clip import CLIP, Freeze, build
from medxpert.models.state import renamed
from medxpert.models.tokenizer import clip_tokenizer
from medxpert.module import ContrastiveModule
from medxpert.words import Rejected, Study

CONTEXT = 77
_HELD_OUT = 8
_LENGTHS = Path(__file__).with_name("report_lengths.json")
_QUICK = Transformer(64, 8, 1)
_DTYPES = {"32-true": "float32", "bf16-mixed": "bfloat16"}


class Apart(NamedTuple):
    """How far the same training by both is apart."""

    embeddings: float
    """Largest difference of a value of a unit row."""
    loss: float
    gradients: float
    """Cosine of all of them."""


_ALLOWED = {"32-true": Apart(1e-5, 1e-4, 0.9999), "bf16-mixed": Apart(0.02, 0.05, 0.99)}


class Setting:
    """Both models with the same random weights, and studies whose texts are as long as real reports.

    What is in the folder already is not made again, so that a process that does one side's work need not import the
    other's libraries.

    Args:
        quick: 8 narrow blocks and small images in place of ViT-B/32.
        folder: for the stores and the weights.
        precision: of both, in Lightning's words; by default the one that is fast here.
    """

    def __init__(self, quick: bool, folder: Path, precision: str | None = None) -> None:
        self.quick, self.folder = quick, folder
        self.architecture = architecture(quick)
        self.precision: Any = precision or fast_precision()
        self.dtype = _DTYPES[self.precision]

    @cached_property
    def stock(self) -> Stock:
        """The stock way's module, with the weights of the folder."""
        self._draw_weights()
        return Stock(stored_model(self.architecture, self.weights))

    def _draw_weights(self) -> None:
        if not self.weights.is_file():
            torch.manual_seed(0)
            torch.save(open_clip_model(self.architecture).state_dict(), self.weights)

    @property
    def weights(self) -> Path:
        """The file of the stock model's weights."""
        return self.folder / "stock.pt"

    @cached_property
    def model(self) -> CLIP:
        """Ours, with the stock model's weights, read as `model.weights=` reads them."""
        self._draw_weights()
        return build(self.architecture, str(self.weights), Freeze(FROZEN, FROZEN))

    def module(self) -> ContrastiveModule:
        """Return what train.py trains, with AdamW."""
        return ContrastiveModule(self.model, InfoNCE(), partial(torch.optim.AdamW, **ADAMW))

    def data(self, batch_size: int, **arguments: Any) -> DataModule:
        """Return the data module of train.py over phantoms with texts of real lengths."""
        side = self.model.image_side
        reader = partial(studies, count=32 if self.quick else 224, side=max(side, 64))
        data = DataModule(reader, self.model.tokenizer, side, batch_size, cache=str(self.folder), **arguments)
        data.setup()
        return data

    def padded(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return a batch as the stock way has it: three normalised channels, every study's text, 77 tokens."""
        tokens = batch.tokens[batch.text_of]
        pixels = self.model.image.embedding.pixels(batch.pixels).contiguous()
        return pixels, nn.functional.pad(tokens, (0, CONTEXT - tokens.shape[1]))

    def computing(self, device: str) -> AbstractContextManager[object]:
        """Return the context in which Lightning computes a step."""
        return nullcontext() if self.precision == "32-true" else torch.autocast(device, torch.bfloat16)


def architecture(quick: bool) -> Architecture:
    """Return what is measured."""
    published = published_architecture("ViT-B-32-quickgelu")
    small = {"name": "small", "image_side": 32, "patch": 16, "embed_dim": 32, "image": _QUICK, "text": _QUICK}
    return dataclasses.replace(published, **small) if quick else published


def compare(setting: Setting, batch: Batch, module: ContrastiveModule) -> Apart:
    """Compare embeddings, losses and gradients of one batch, in the precision and on the device of the training.

    Raises:
        ValueError: they are not the same training.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    shown, batch = (move_data_to_device(one, torch.device(device)) for one in (setting.padded(batch), batch))
    stock, model = setting.stock.to(device), module.to(device).model
    stock.zero_grad()
    with setting.computing(device):
        other = stock.model(*shown)
        other_loss = stock.loss(*other)
    other_loss.backward()
    theirs = {name: one for name, one in renamed(_trained(stock.model), Path("stock")).items() if one.numel()}
    model.zero_grad()
    with setting.computing(device):
        rows = module.embed(batch)
        loss = module.loss(rows.image, rows.text, model.logit_scale.exp(), None)
    loss.backward()
    ours = {name: one for name, one in _trained(model).items() if one.numel()}
    if set(ours) != set(theirs):
        raise ValueError(f"other weights are trained: {sorted(set(ours) ^ set(theirs))[:3]}")
    found = Apart(
        max((a.float() - b.float()).abs().max().item() for a, b in zip(rows[:2], other[:2], strict=True)),
        abs(loss.item() - other_loss.item()),
        _cosine(ours, theirs),
    )
    for one in (stock, module):
        one.zero_grad()
        one.to("cpu")
    most = _ALLOWED[setting.precision]
    if found.embeddings > most.embeddings or found.loss > most.loss or found.gradients < most.gradients:
        raise ValueError(f"not the same training: found {found}, allowed {most}")
    return found


def _cosine(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> float:
    pairs = [torch.cat([side[name].double().flatten() for name in sorted(ours)]) for side in (ours, theirs)]
    return nn.functional.cosine_similarity(*pairs, dim=0).item()


def _trained(model: nn.Module) -> dict[str, Tensor]:
    """Return the gradient of each weight, empty where it is frozen."""
    none = torch.zeros(0)
    return {name: none if one.grad is None else one.grad for name, one in model.named_parameters()}


def studies(split: str, count: int, side: int) -> Iterator[Study | Rejected]:
    """Read phantoms, with words drawn from their reports to the lengths of real ones."""
    drawn = np.random.default_rng(len(split))
    count = count if split == "train" else _HELD_OUT
    counts = np.array(json.loads(_LENGTHS.read_text(encoding="utf-8"))["counts"])
    originals = [one for one in islice(read(split, num_studies=3 * count, side=side), count) if isinstance(one, Study)]
    words = sorted({word for one in originals for word in one.findings.split()})
    for one in originals:
        length = drawn.choice(len(counts), p=counts / counts.sum())
        yield dataclasses.replace(one, findings=_text(words, int(length), drawn), impression="")


def _text(words: Sequence[str], length: int, drawn: np.random.Generator) -> str:
    """Draw words until they make the tokens of a text, marks included."""
    tokenizer, chosen = clip_tokenizer(), list[str]()
    while min(tokenizer.count(" ".join(chosen)), CONTEXT) < length:
        chosen.append(str(drawn.choice(words)))
    return " ".join(chosen)
