"""Weights from elsewhere: the forms that `model.weights=` accepts, read under our names."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from medxpert.errors import ConfigError
from medxpert.folders import read_json
from medxpert.models.architecture import Architecture, check_activation
from medxpert.models.download import download
from medxpert.models.folder import CARD, MERGES, WEIGHTS, find_folder, read_card
from medxpert.models.positions import fit_positions
from medxpert.models.state import State, read_state, renamed
from medxpert.models.tokenizer import Tokenizer, read_merges
from medxpert.models.weights import check_weights
from medxpert.words import Policy, Stage

_POSITIONS = "text.embedding.positions"
ACCEPTED = (
    "an open_clip file (.safetensors, .pt), a folder of open_clip or of a Hugging Face CLIPModel, "
    "a MedXpert run or its model folder"
)
_SUFFIXES = {".safetensors", ".pt", ".pth", ".bin", ".ckpt"}
_MAY_DIFFER = {"name", "mean", "std", "context_length"}
_OPEN_CLIP_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
_HUGGING_FACE_FILES = ("model.safetensors", "pytorch_model.bin")


@dataclass(frozen=True)
class Checkpoint:
    """Weights under our names, and what came with them.

    Attributes:
        weights: float32, exactly the names and shapes that the architecture needs.
        architecture: with the pixel normalisation and the context length that the weights were trained with.
        tokenizer: the one exported with the weights; None for the published one.
        policy: the strictest policy of the data that the weights have seen.
    """

    weights: State
    architecture: Architecture
    tokenizer: Tokenizer | None = None
    stage: Stage = "pretrained"
    policy: Policy = "open"


def read_checkpoint(weights: str, architecture: Architecture) -> Checkpoint:
    """Read `model.weights=`: an open_clip tag, or a path in one of the `ACCEPTED` forms.

    Raises:
        ConfigError: there is no such tag or path, the download failed, or the weights were trained with another
            architecture, such as the other activation.
        DataError: the file is broken or holds other weights.
    """
    path = Path(weights).expanduser()
    if path.is_file():
        # an exported file keeps the policy and the tokenizer that stand beside it
        exported = path.name == WEIGHTS and (path.parent / CARD).is_file()
        return _read_folder(path.parent, architecture) if exported else _foreign(path, architecture)
    if path.is_dir():
        return _read_folder(path, architecture)
    if path.suffix in _SUFFIXES or "/" in weights or weights.startswith("."):
        raise ConfigError(f"model.weights={weights} does not exist; give {ACCEPTED}")
    published = download(weights, architecture, ACCEPTED)
    return _foreign(published.path, replace(architecture, mean=published.mean, std=published.std))


def with_context(checkpoint: Checkpoint, context_length: int | None) -> Checkpoint:
    """Let the weights read texts of another length, the tokenizer with them; None leaves them as they are.

    Raises:
        ConfigError: the length is less than 2, or the weights have too few positions to be stretched.
    """
    if context_length is None or context_length == checkpoint.architecture.context_length:
        return checkpoint
    architecture = replace(checkpoint.architecture, context_length=context_length)
    weights = checkpoint.weights | {_POSITIONS: fit_positions(checkpoint.weights[_POSITIONS], context_length)}
    own = checkpoint.tokenizer
    tokenizer = Tokenizer(own.merges, context_length) if own else None
    return replace(checkpoint, weights=weights, architecture=architecture, tokenizer=tokenizer)


def read_exported(folder: Path) -> Checkpoint:
    """Read a model folder that `CLIP.export` wrote.

    Raises:
        DataError: it is incomplete, broken or changed.
    """
    card = read_card(folder)
    tokenizer = Tokenizer(read_merges(folder / MERGES), card.architecture.context_length)
    path = folder / WEIGHTS
    checkpoint = _checked(renamed(read_state(path), path), card.architecture, path)
    return replace(checkpoint, tokenizer=tokenizer, stage=card.stage, policy=card.policy)


def _foreign(path: Path, architecture: Architecture) -> Checkpoint:
    """Read a file whose context length only its positions tell."""
    weights = renamed(read_state(path), path)
    if _POSITIONS in weights:
        architecture = replace(architecture, context_length=len(weights[_POSITIONS]))
    return _checked(weights, architecture, path)


def _checked(weights: State, architecture: Architecture, path: Path) -> Checkpoint:
    check_weights({name: tuple(tensor.shape) for name, tensor in weights.items()}, architecture, path)
    return Checkpoint(weights, architecture)


def _read_folder(folder: Path, architecture: Architecture) -> Checkpoint:
    exported = find_folder(folder)
    if exported:
        checkpoint = read_exported(exported)
        _check_same(checkpoint.architecture, architecture, folder)
        # "adapted" means to the data at hand
        return replace(checkpoint, stage="pretrained") if checkpoint.stage == "adapted" else checkpoint
    if (folder / "open_clip_config.json").is_file():
        return _read_open_clip(folder, architecture)
    if (folder / "config.json").is_file():
        return _read_hugging_face(folder, architecture)
    raise ConfigError(
        f"model.weights={folder} holds no model.json, open_clip_config.json or config.json; give {ACCEPTED}"
    )


def _read_open_clip(folder: Path, architecture: Architecture) -> Checkpoint:
    config = read_json(folder / "open_clip_config.json")
    quick = config.get("model_cfg", {}).get("quick_gelu", False)
    check_activation("quick_gelu" if quick else "gelu", architecture, str(folder))
    pixels = config.get("preprocess_cfg", {})
    normalised = _normalised(architecture, pixels.get("mean"), pixels.get("std"))
    return _foreign(_weights_file(folder, _OPEN_CLIP_FILES), normalised)


def _read_hugging_face(folder: Path, architecture: Architecture) -> Checkpoint:
    config = read_json(folder / "config.json")
    activation = config.get("vision_config", {}).get("hidden_act", "quick_gelu")
    check_activation(activation, architecture, str(folder))
    file = folder / "preprocessor_config.json"
    pixels = read_json(file) if file.is_file() else {}
    normalised = _normalised(architecture, pixels.get("image_mean"), pixels.get("image_std"))
    return _foreign(_weights_file(folder, _HUGGING_FACE_FILES), normalised)


def _normalised(architecture: Architecture, mean: Any, std: Any) -> Architecture:
    """Take the pixel normalisation of a checkpoint, where it states one."""
    return replace(architecture, mean=tuple(mean or architecture.mean), std=tuple(std or architecture.std))


def _weights_file(folder: Path, names: tuple[str, ...]) -> Path:
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise ConfigError(f"model.weights={folder} holds neither {' nor '.join(names)}; give {ACCEPTED}")


def _check_same(found: Architecture, wanted: Architecture, folder: Path) -> None:
    ours = asdict(wanted)
    for key, value in asdict(found).items():
        if key not in _MAY_DIFFER and ours[key] != value:
            raise ConfigError(f"model.weights={folder} was built with {key} {value}, this model has {ours[key]}")
