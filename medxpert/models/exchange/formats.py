"""The formats that a model can be exported to, each opened again by its own library before it is anybody's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from safetensors import SafetensorError

from medxpert.errors import ConfigError, DataError
from medxpert.folders import MANIFEST, atomic_folder, seal, verified
from medxpert.images.resize import Fit
from medxpert.models.architecture import Architecture
from medxpert.models.clip import CLIP
from medxpert.models.exchange import hf, onnx_graph, open_clip_folder
from medxpert.models.exchange.card import Story, write_card
from medxpert.models.exchange.sample import Differences, Rows, Sample, compared, draw_sample, our_rows

_FORMAT = "export"
"""Key of the manifest that tells our folders from others."""


class Format(NamedTuple):
    """One other library's way to keep a model."""

    library: str
    check: Callable[[Architecture], None]
    """Refuses what the library cannot hold."""
    write: Callable[[CLIP, Path, Fit], None]
    """Writes into an existing folder."""
    read: Callable[[Path, Sample], Rows]
    """Encodes a sample with nothing but the folder and the library."""
    tolerance: float
    """Largest difference that any value of an embedding may have."""


FORMATS: Mapping[str, Format] = {
    "hf": Format(hf.LIBRARY, hf.check, hf.write, hf.read, hf.TOLERANCE),
    "open_clip": Format(
        open_clip_folder.LIBRARY,
        open_clip_folder.check,
        open_clip_folder.write,
        open_clip_folder.read,
        open_clip_folder.TOLERANCE,
    ),
    "onnx": Format(onnx_graph.LIBRARY, onnx_graph.check, onnx_graph.write, onnx_graph.read, onnx_graph.TOLERANCE),
}


def find_format(name: object) -> Format:
    """Return the format of this name.

    Raises:
        ConfigError: there is none.
    """
    if not isinstance(name, str) or name not in FORMATS:
        found = "is missing" if name is None else f"is {name}"
        raise ConfigError(f"format {found}; give one of {', '.join(FORMATS)}, such as format=onnx")
    return FORMATS[name]


def check_target(folder: Path) -> None:
    """Refuse to replace anything but an empty folder or an unchanged export.

    Raises:
        ConfigError: something else is there.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not _is_ours(folder):
        raise ConfigError(
            f"output={folder} holds what no export wrote, or what was changed since; give another output="
        )


def export(story: Story, name: str, target: Path) -> Differences:
    """Write a model in one format with its card, after the other library computed the same embeddings from it.

    Args:
        story: the model and what is known of it; it is put into evaluation.
        name: of the format.
        target: folder, replaced as a whole or left as it was.

    Returns:
        By how much the other library's embeddings differ from ours.

    Raises:
        ConfigError: the library cannot hold the model, something else is at the target, or it cannot be written.
        DataError: the other library computes other embeddings.
    """
    form, model = find_format(name), story.model.eval()
    form.check(model.architecture)
    check_target(target)
    sample = draw_sample(model)
    try:
        with atomic_folder(target) as sibling:
            form.write(model, sibling, story.fit)
            found = compared(our_rows(model, sample), form.read(sibling, sample), form.tolerance, form.library)
            write_card(story, name, found, sibling)
            seal(sibling, {_FORMAT: name, "policy": story.policy, "run": story.name, "weights": story.fingerprint})
    except SafetensorError as error:
        raise ConfigError(f"cannot write {target} ({error}); free the space or give another output=") from error
    return found


def _is_ours(folder: Path) -> bool:
    """Tell whether a folder holds exactly what an export wrote."""
    if not (folder / MANIFEST).is_file():
        return False
    try:
        manifest = verified(folder)
    except DataError:
        return False
    return _FORMAT in manifest and {path.name for path in folder.iterdir()} == {*manifest["files"], MANIFEST}
