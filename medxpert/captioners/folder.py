"""The folder of a captioner: transformers' own files, a card, a manifest. Opened strictly, from safetensors alone."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from transformers.models.blip.configuration_blip import BlipConfig
from transformers.utils import logging as chatter

from medxpert.captioners.card import CARD, Card, read_card, write_card
from medxpert.captioners.config import CONFIG, PREPROCESSOR, WEIGHTS, read_config, read_json_object
from medxpert.captioners.model import CaptionModel
from medxpert.captioners.network import network_class
from medxpert.captioners.tokens import Marks, Tokens, read_tokens
from medxpert.errors import DataError
from medxpert.folders import atomic_folder, explained, seal

_NO_WEIGHTS = ".position_ids"
"""Ending of what older versions of transformers stored beside the weights: 0, 1, 2, ..."""


def write_captioner(folder: Path, model: CaptionModel, card: Card) -> None:
    """Write weights, configuration, tokenizer, card and manifest; the folder takes its place when it is whole.

    Raises:
        ConfigError: it cannot be written.
    """
    with atomic_folder(folder) as sibling, explained(folder):
        with quiet():
            model.network.save_pretrained(sibling)
        model.tokenizer.save(sibling)
        (sibling / PREPROCESSOR).write_text(json.dumps(_preprocessor(model), indent=2) + "\n", encoding="utf-8")
        write_card(sibling / CARD, card)
        seal(sibling, {"policy": card.policy})


def _preprocessor(model: CaptionModel) -> dict[str, Any]:
    """Say how pixels are shown, in transformers' words."""
    side = {"height": model.image_side, "width": model.image_side}
    values = {name: [round(float(x), 8) for x in getattr(model, name).flatten()] for name in ("mean", "std")}
    return {
        "image_processor_type": "BlipImageProcessor",
        "do_normalize": True,
        "do_resize": True,
        "size": side,
        "image_mean": values["mean"],
        "image_std": values["std"],
    }


def opened(folder: Path) -> CaptionModel:
    """Open a folder of ours or of transformers.

    Raises:
        DataError: it is no BLIP that writes captions, a file is missing or broken, weights are missing or too many, or
            the tokenizer has another vocabulary than the model.
    """
    config = _parsed(folder)
    text: Any = config.text_config
    marks = Marks(int(text.bos_token_id), int(text.sep_token_id), int(text.pad_token_id))
    tokens = read_tokens(folder, marks, text.vocab_size, text.max_position_embeddings)
    model = _loaded(folder, config, tokens)
    card = read_card(folder / CARD) if (folder / CARD).is_file() else None
    model.stage, model.policy = ("adapted", card.policy) if card else ("pretrained", "open")
    return model.eval()


def _parsed(folder: Path) -> BlipConfig:
    values = read_config(folder)
    try:
        return BlipConfig.from_dict(dict(values))
    except Exception as error:  # transformers' checks raise their own, of several kinds
        raise DataError(f"{folder / CONFIG} does not describe a BLIP ({_line(error)}); take the model's own") from error


def _loaded(folder: Path, config: BlipConfig, tokens: Tokens) -> CaptionModel:
    if not (folder / WEIGHTS).is_file():
        raise DataError(f"{folder / WEIGHTS} is missing; weights are read from safetensors only")
    try:
        with quiet():
            kind: Any = network_class(config)
            network, report = kind.from_pretrained(
                folder, config=config, local_files_only=True, use_safetensors=True, output_loading_info=True
            )
    except (OSError, RuntimeError, ValueError, SafetensorError) as error:
        raise DataError(f"{folder / WEIGHTS} does not hold the weights of {CONFIG} ({_line(error)})") from error
    _refuse_others(folder / WEIGHTS, report)
    values = read_json_object(folder / PREPROCESSOR) if (folder / PREPROCESSOR).is_file() else {}
    shown = {name: values[f"image_{name}"] for name in ("mean", "std") if f"image_{name}" in values}
    return CaptionModel(network, tokens, **shown)


def _refuse_others(path: Path, report: Mapping[str, Any]) -> None:
    unexpected = [name for name in report["unexpected_keys"] if not name.endswith(_NO_WEIGHTS)]
    for what, names in (("lacks", report["missing_keys"]), ("holds too much:", unexpected)):
        if names:
            first, more = sorted(names)[0], f" and {len(names) - 1} more" if len(names) > 1 else ""
            raise DataError(f"{path} {what} {first}{more}; expected the weights of a BLIP that writes captions")
    if report.get("mismatched_keys"):
        raise DataError(f"{path}: {sorted(map(str, report['mismatched_keys']))[0]} has another shape than the model's")


@contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers' tables and progress bars off the terminal; what matters is raised."""
    level = chatter.get_verbosity()
    bars = chatter.is_progress_bar_enabled()
    chatter.set_verbosity_error()
    chatter.disable_progress_bar()
    try:
        yield
    finally:
        chatter.set_verbosity(level)
        if bars:
            chatter.enable_progress_bar()


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
