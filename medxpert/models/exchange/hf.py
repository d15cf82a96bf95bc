"""A run as a folder that `transformers.CLIPModel.from_pretrained` opens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import torch
import torch.nn.functional as F
from PIL import Image

from medxpert.errors import DataError
from medxpert.images.resize import Fit
from medxpert.models.architecture import Architecture, Transformer
from medxpert.models.clip import CLIP
from medxpert.models.exchange.naming import check_transformers, foreign
from medxpert.models.exchange.sample import Rows, Sample
from medxpert.models.exchange.tokens import write_transformers

LIBRARY = "transformers"
TOLERANCE = 2e-5
_BICUBIC = 3


def check(architecture: Architecture) -> None:
    """Refuse what `CLIPModel` cannot hold.

    Raises:
        ConfigError: the model is not made of two transformers that read RGB.
    """
    check_transformers(architecture, LIBRARY)


def write(model: CLIP, folder: Path, fit: Fit) -> None:
    """Write configuration, weights, tokenizer and image preprocessing into an existing folder."""
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel

    config = CLIPConfig(**_config(model))
    with torch.device("meta"):  # random weights would only be drawn to be replaced
        theirs = CLIPModel(config)
    state = foreign(theirs.state_dict(), model.merged_state(), "hugging_face")
    theirs.load_state_dict(state, strict=True, assign=True)
    with _quiet():
        theirs.save_pretrained(folder)
    write_transformers(model.tokenizer, folder)
    CLIPImageProcessor(**_preprocessing(model.architecture, fit)).save_pretrained(folder)


def read(folder: Path, sample: Sample) -> Rows:
    """Open the folder as a user would, and encode a sample with nothing of ours.

    Raises:
        DataError: a weight is missing or is none of the model's.
    """
    from transformers import CLIPImageProcessor, CLIPModel, CLIPTokenizer

    with _quiet():
        opened: Any = CLIPModel.from_pretrained(folder, local_files_only=True, output_loading_info=True)
    model, found = opened
    if faults := [name for names in found.values() for name in names]:
        raise DataError(f"{LIBRARY} does not find its weights in what was written: {faults[0]} and the like")
    tokens = CLIPTokenizer.from_pretrained(folder)(sample.texts, padding=True, truncation=True, return_tensors="pt")
    films = [Image.fromarray(pixels) for pixels in sample.pixels]
    pixels = CLIPImageProcessor.from_pretrained(folder)(films, return_tensors="pt")
    with torch.inference_mode():
        image = model.get_image_features(**pixels).pooler_output
        text = model.get_text_features(**tokens).pooler_output
    return Rows(F.normalize(image, dim=-1).numpy(), F.normalize(text, dim=-1).numpy())


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep progress bars of what takes no time off the terminal."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def _config(model: CLIP) -> dict[str, Any]:
    size, marks = model.architecture, model.tokenizer.vocab_size
    vision = {
        **_tower(cast(Transformer, size.image), size),
        "image_size": size.image_side,
        "patch_size": size.patch,
        "num_channels": len(size.mean),
    }
    text = {
        **_tower(size.text, size),
        "vocab_size": size.vocab_size,
        "max_position_embeddings": size.context_length,
        "bos_token_id": marks - 2,
        "eos_token_id": marks - 1,
        "pad_token_id": marks - 1,
    }
    scale = float(model.logit_scale.detach())
    return {
        "vision_config": vision,
        "text_config": text,
        "projection_dim": size.embed_dim,
        "logit_scale_init_value": scale,
    }


def _tower(tower: Transformer, size: Architecture) -> dict[str, Any]:
    return {
        "hidden_size": tower.width,
        "intermediate_size": 4 * tower.width,
        "num_hidden_layers": tower.blocks,
        "num_attention_heads": tower.heads,
        "projection_dim": size.embed_dim,
        "hidden_act": size.activation,
        "layer_norm_eps": 1e-5,
    }


def _preprocessing(size: Architecture, fit: Fit) -> dict[str, Any]:
    """Resize the longest side and pad with black, as we do; the centre crop does the padding."""
    side = size.image_side
    edges = {"shortest_edge": side} | ({"longest_edge": side} if fit == "pad" else {})
    return {
        "size": edges,
        "crop_size": {"height": side, "width": side},
        "resample": _BICUBIC,
        "image_mean": list(size.mean),
        "image_std": list(size.std),
    }
