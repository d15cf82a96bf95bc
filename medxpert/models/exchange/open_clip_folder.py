"""A run as a folder that open_clip opens as `local-dir:FOLDER`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import save_file

from medxpert.folders import write_json
from medxpert.images.resize import Fit
from medxpert.models.architecture import Architecture, Transformer
from medxpert.models.clip import CLIP
from medxpert.models.exchange.naming import check_transformers, foreign
from medxpert.models.exchange.sample import Rows, Sample
from medxpert.models.exchange.tokens import write_transformers
from medxpert.models.tokenizer import clip_tokenizer

LIBRARY = "open_clip"
TOLERANCE = 2e-5


def check(architecture: Architecture) -> None:
    """Refuse what open_clip's plain CLIP cannot hold.

    Raises:
        ConfigError: the model is not made of two transformers that read RGB.
    """
    check_transformers(architecture, LIBRARY)


def write(model: CLIP, folder: Path, fit: Fit) -> None:
    """Write configuration and weights into an existing folder, and a tokenizer unless it is the published one."""
    from open_clip.model import CLIP as OpenCLIP

    published = _is_published(model)
    config = _config(model.architecture, published)
    with torch.device("meta"):  # random weights would only be drawn to be replaced
        theirs = OpenCLIP(**config)
    save_file(foreign(theirs.state_dict(), model.merged_state(), "open_clip"), folder / "open_clip_model.safetensors")
    preprocessing = {
        "size": model.image_side,
        "mean": list(model.architecture.mean),
        "std": list(model.architecture.std),
        "interpolation": "bicubic",
        "resize_mode": "longest" if fit == "pad" else "shortest",
        "fill_color": 0,
    }
    write_json(folder / "open_clip_config.json", {"model_cfg": config, "preprocess_cfg": preprocessing})
    if not published:
        write_transformers(model.tokenizer, folder)


def read(folder: Path, sample: Sample) -> Rows:
    """Open the folder as a user would, and encode a sample with nothing of ours."""
    import open_clip

    name = f"local-dir:{folder}"
    model, _, preprocess = open_clip.create_model_and_transforms(name)
    model.eval()
    tokens = open_clip.get_tokenizer(name)(sample.texts)
    pixels = torch.stack([cast(torch.Tensor, preprocess(Image.fromarray(film))) for film in sample.pixels])
    with torch.inference_mode():
        image, text = model.encode_image(pixels), model.encode_text(tokens)
    return Rows(F.normalize(image, dim=-1).numpy(), F.normalize(text, dim=-1).numpy())


def _is_published(model: CLIP) -> bool:
    """Tell whether open_clip's own tokenizer gives the same numbers."""
    return model.tokenizer.merges == clip_tokenizer().merges


def _config(size: Architecture, published: bool) -> dict[str, Any]:
    image = cast(Transformer, size.image)
    vision = {
        "image_size": size.image_side,
        "layers": image.blocks,
        "width": image.width,
        "head_width": image.width // image.heads,
        "patch_size": size.patch,
    }
    text: dict[str, Any] = {
        "context_length": size.context_length,
        "vocab_size": size.vocab_size,
        "width": size.text.width,
        "heads": size.text.heads,
        "layers": size.text.blocks,
    }
    if not published:
        text["hf_tokenizer_name"] = "tokenizer.json"  # any name: open_clip reads the folder itself
    return {
        "embed_dim": size.embed_dim,
        "quick_gelu": size.activation == "quick_gelu",
        "vision_cfg": vision,
        "text_cfg": text,
    }
