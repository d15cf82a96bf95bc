"""Three ways to train a CLIP of one size on one device: MedXpert, open_clip under Lightning, Hugging Face."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import pytorch_lightning as pl
import torch
from inputs import END, Batches, Marks, Size
from stock import ADAMW, Stock, fit, open_clip_model
from torch import nn
from torch.utils.data import DataLoader

from medxpert.losses.info_nce import InfoNCE
from medxpert.models.clip import CLIP, Freeze
from medxpert.module import ContrastiveModule


class _Endless(pl.LightningDataModule):
    """Gives the same few batches again and again."""

    chunk_size = None

    def __init__(self, batches: Sequence[Any], total: int) -> None:
        super().__init__()
        self._batches = [batches[number % len(batches)] for number in range(total)]

    def train_dataloader(self) -> DataLoader:
        return DataLoader(self._batches, batch_size=None, collate_fn=lambda one: one)  # type: ignore[arg-type]


def _fit(module: pl.LightningModule, batches: Sequence[Any], marks: Marks) -> None:
    on_gpu = marks.device == "cuda"
    precision, device = ("bf16-mixed", "gpu") if on_gpu else ("32-true", "cpu")
    fit(module, _Endless(batches, marks.total), marks.total, precision, marks.step, device)


def medxpert(size: Size, batches: Batches, marks: Marks, folder: str, compiled: bool = False) -> None:
    """Train as `train.py` does."""
    model = CLIP(size.architecture)
    model.freeze(Freeze(size.frozen, size.frozen))
    if compiled:
        model.image.compile()
        model.text.compile(dynamic=True)
    _fit(ContrastiveModule(model, InfoNCE(), partial(torch.optim.AdamW, **ADAMW)), batches.ours(), marks)


def openclip(size: Size, batches: Batches, marks: Marks, folder: str) -> None:
    """Train open_clip's model under Lightning."""
    given = [(one["pixel_values"], one["input_ids"]) for one in batches.stock()]
    _fit(Stock(open_clip_model(size.architecture), size.frozen), given, marks)


def huggingface(size: Size, batches: Batches, marks: Marks, folder: str) -> None:
    """Train transformers' CLIPModel with its Trainer."""
    from transformers import CLIPConfig, CLIPModel, Trainer, TrainerCallback, TrainingArguments

    own = size.architecture
    towers = [{**_tower(one), "projection_dim": own.embed_dim} for one in (own.image, own.text)]
    vision = towers[0] | {"image_size": own.image_side, "patch_size": own.patch}
    words = towers[1] | {"eos_token_id": END, "bos_token_id": END - 1, "pad_token_id": 0}
    model = CLIPModel(CLIPConfig(vision_config=vision, text_config=words, projection_dim=own.embed_dim))
    seen, said = model.vision_model, model.text_model
    _hold([seen.embeddings, seen.pre_layrnorm, *seen.encoder.layers[: size.frozen]])
    _hold([said.embeddings, *said.encoder.layers[: size.frozen]])
    given = [one | {"return_loss": True} for one in batches.stock()]
    loader = _Endless(given, marks.total).train_dataloader()

    class Watch(TrainerCallback):
        def on_step_end(self, *_: Any, **__: Any) -> None:
            marks.step()

    class Fed(Trainer):
        def get_train_dataloader(self) -> DataLoader:
            return loader

    on_gpu = marks.device == "cuda"
    arguments = TrainingArguments(
        folder,
        max_steps=marks.total,
        bf16=on_gpu,
        use_cpu=not on_gpu,
        optim="adamw_torch_fused",
        learning_rate=ADAMW["lr"],
        weight_decay=ADAMW["weight_decay"],
        adam_beta2=ADAMW["betas"][1],
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        logging_strategy="no",
        dataloader_pin_memory=False,
    )
    Fed(model, arguments, callbacks=[Watch()]).train()


def _tower(size: Any) -> dict[str, Any]:
    return {
        "hidden_size": size.width,
        "intermediate_size": 4 * size.width,
        "num_hidden_layers": size.blocks,
        "num_attention_heads": size.heads,
    }


def _hold(modules: Sequence[nn.Module]) -> None:
    for module in modules:
        module.requires_grad_(False)
