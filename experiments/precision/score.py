"""Does training in bfloat16 end where training in float32 ends?

$ python experiments/precision/score.py                 # every model and seed: about 25 minutes on 2 cores
$ python experiments/precision/score.py only=clip_tiny seeds=1  # one of the models, with the first seed
$ python experiments/precision/score.py quick=true      # a trial
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from statistics import mean, stdev
from typing import Any, NamedTuple

import pytorch_lightning as pl
import torch
from emulation import EmulatedBF16
from torch import Tensor
from torch.nn.functional import cosine_similarity

from medxpert.callbacks.recall import RecallAtK
from medxpert.config.hardware import has_bf16
from medxpert.data.readers.phantom import read
from medxpert.datamodule import DataModule
from medxpert.losses.info_nce import InfoNCE
from medxpert.models.clip import CLIP, Freeze, vit_clip
from medxpert.models.tiny import clip_tiny
from medxpert.module import ContrastiveModule
from medxpert.schedule import cosine

_RECALL = "val/recall@10"
_LAST = 20
"""Steps whose mean loss counts as the end of the curve."""


class Case(NamedTuple):
    """One model and how it is trained."""

    name: str
    make: Callable[[], CLIP]
    lr: float
    batch_size: int
    steps: int
    seeds: int
    studies: int


class Trained(NamedTuple):
    """One training."""

    losses: list[float]
    recall: float


class Losses(pl.Callback):
    """Keeps the loss of each step."""

    def __init__(self) -> None:
        self.values: list[float] = []

    def on_train_batch_end(self, trainer: pl.Trainer, module: pl.LightningModule, outputs: Any, *_: Any) -> None:
        """Note it."""
        self.values.append(float(outputs["loss"]))


def cases(quick: bool) -> list[Case]:
    """Return what is compared."""
    small = partial(clip_tiny, image_side=32, image_widths=[8], text_width=32, text_blocks=1, vocab_size=600)
    if quick:
        return [Case("clip_tiny", small, 1e-3, 8, 3, 2, 40)]
    published = partial(vit_clip, "ViT-B-32-quickgelu", freeze=Freeze(6, 6))
    return [
        Case("clip_tiny", clip_tiny, 1e-3, 24, 300, 3, 1500),
        Case("clip_b32", published, 5e-6, 8, 60, 1, 240),
    ]


def arithmetic(low: bool) -> tuple[str, AbstractContextManager[Any]]:
    """Return Lightning's name of a precision, and what else it needs here."""
    if not low:
        return "32-true", nullcontext()
    return ("bf16-mixed", nullcontext()) if has_bf16() else ("32-true", EmulatedBF16())


def trained(case: Case, seed: int, low: bool, cache: Path) -> Trained:
    """Train once; both precisions begin with the same weights and see the same batches."""
    pl.seed_everything(seed, verbose=False)
    model = case.make()
    reader = partial(read, num_studies=case.studies, side=max(model.image_side, 64))
    data = DataModule(reader, model.tokenizer, model.image_side, case.batch_size, seed=seed, cache=str(cache))
    module, losses = _module(case, model), Losses()
    precision, emulated = arithmetic(low)
    trainer = pl.Trainer(
        accelerator="auto", devices=1, precision=precision, max_steps=case.steps, max_epochs=-1,
        limit_val_batches=0, num_sanity_val_steps=0, callbacks=[losses, RecallAtK()], logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    with emulated:
        trainer.fit(module, datamodule=data)
        trainer.limit_val_batches = 1.0
        (found,) = trainer.validate(module, datamodule=data, verbose=False)
    return Trained(losses.values, float(found[_RECALL]))


def _module(case: Case, model: CLIP) -> ContrastiveModule:
    optimizer = partial(torch.optim.AdamW, lr=case.lr, weight_decay=0.1, betas=(0.9, 0.98))
    return ContrastiveModule(model, InfoNCE(), optimizer, cosine)


def gradient_cosine(case: Case, cache: Path) -> float:
    """Return the cosine between the gradients of the first batch in both precisions."""
    pl.seed_everything(0, verbose=False)
    model = case.make().train()
    reader = partial(read, num_studies=case.studies, side=max(model.image_side, 64))
    data = DataModule(reader, model.tokenizer, model.image_side, case.batch_size, cache=str(cache))
    data.setup()
    batch = next(iter(data.train_dataloader()))
    return float(cosine_similarity(*(_gradient(case, model, batch, low) for low in (False, True)), dim=0))


def _gradient(case: Case, model: CLIP, batch: Any, low: bool) -> Tensor:
    module = _module(case, model)
    model.zero_grad()
    precision, emulated = arithmetic(low)
    with emulated, torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16-mixed"):
        rows = module.embed(batch)
        module.loss(rows.image, rows.text, model.logit_scale.exp(), None).backward()
    # float32 sums over a hundred million values would pass 1
    return torch.cat([one.grad.flatten() for one in model.parameters() if one.grad is not None]).double()


def compared(case: Case, cache: Path) -> dict[str, Any]:
    """Train a model with every seed in both precisions."""
    pairs = [[trained(case, seed, low, cache) for low in (False, True)] for seed in range(case.seeds)]
    ends = [[mean(one.losses[-_LAST:]) for one in pair] for pair in pairs]
    curve = [abs(a - b) for pair in pairs for a, b in zip(pair[0].losses, pair[1].losses, strict=True)]
    return {
        "model": case.name,
        "steps": case.steps,
        "loss_float32": [pair[0] for pair in ends],
        "loss_bfloat16": [pair[1] for pair in ends],
        "mean_difference_of_curves": mean(curve),
        "recall_float32": [pair[0].recall for pair in pairs],
        "recall_bfloat16": [pair[1].recall for pair in pairs],
        "gradient_cosine": gradient_cosine(case, cache),
    }


def table(results: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield the lines of a Markdown table, seeds as mean and standard deviation."""
    yield "| model | steps | last loss, fp32 | last loss, bf16 | curves apart | R@10, fp32 | R@10, bf16 | gradients |"
    yield "|---|---|---|---|---|---|---|---|"
    for one in results:
        figures = [one[f"{name}_{dtype}"] for name in ("loss", "recall") for dtype in ("float32", "bfloat16")]
        loss, low_loss, recall, low_recall = (_shown(values) for values in figures)
        yield (
            f"| {one['model']} | {one['steps']} | {loss} | {low_loss} | {one['mean_difference_of_curves']:.4f} | "
            f"{recall} | {low_recall} | {one['gradient_cosine']:.5f} |"
        )


def _shown(values: Sequence[float]) -> str:
    spread = f" ± {stdev(values):.3f}" if len(values) > 1 else ""
    return f"{mean(values):.3f}{spread}"


def main() -> None:
    """Train and print; `output=FILE` keeps the figures as JSON."""
    options = dict(word.split("=", 1) for word in sys.argv[1:])
    results = []
    with tempfile.TemporaryDirectory() as cache:
        for case in cases(options.get("quick") == "true"):
            if options.get("only", case.name) == case.name:
                seeds = min(case.seeds, int(options.get("seeds", case.seeds)))
                results.append(compared(case._replace(seeds=seeds), Path(cache)))
    how = "bf16-mixed" if has_bf16() else "emulated by rounding"
    sys.stdout.write("\n".join([*table(results), "", f"bfloat16: {how}"]) + "\n")
    if "output" in options:
        Path(options["output"]).write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
