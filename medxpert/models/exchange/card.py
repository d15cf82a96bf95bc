"""The README.md that goes with an export: what a run's own files say of the weights, and no more than they say."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

from medxpert.folders import sha256
from medxpert.images.resize import Fit
from medxpert.models.architecture import Transformer
from medxpert.models.clip import CLIP
from medxpert.models.exchange.figures import figures
from medxpert.models.exchange.sample import Differences
from medxpert.report import NOTICE
from medxpert.words import SPLITS, Policy

CARD = "README.md"
UNKNOWN = "not recorded"
_HERE = Path(__file__).parent
_TAG = re.compile(r"[\w.-]+", re.ASCII)
_MEANING = {
    "open": "Everything that went into them is open.",
    "credentialed": "Data that only credentialed people may hold went into them: keep them where that data may lie.",
    "private": "Private data went into them, or nobody said otherwise: keep them on the machines of its owners.",
}
_LIBRARY_NAMES = {"hf": "transformers", "open_clip": "open_clip", "onnx": "onnx"}
"""What the hub calls the libraries."""
_STAGES = {
    "untrained": "random weights",
    "pretrained": "weights from elsewhere",
    "adapted": "weights already adapted to this data",
}


class Story(NamedTuple):
    """What is known of an exported model."""

    name: str
    """Of the run's folder; nothing of where it lies."""
    model: CLIP
    policy: Policy
    """The strictest of run and weights."""
    provenance: Mapping[str, Any]
    config: Mapping[str, Any]
    metrics: Mapping[str, Any]
    fingerprint: str
    """sha256 of the run's own weights file."""

    @property
    def fit(self) -> Fit:
        """How the run's images were made square."""
        return "crop" if _at(self.config, "loader", "fit") == "crop" else "pad"


def write_card(story: Story, form: str, differences: Differences, folder: Path) -> None:
    """Write the model card beside the files that it describes.

    Args:
        story: what is known of the model.
        form: "hf", "open_clip" or "onnx".
        differences: of its embeddings from ours.
        folder: of the export, complete but for the card.
    """
    template = Template((_HERE / "card.md").read_text(encoding="utf-8"))
    text = template.substitute(
        policy=story.policy,
        library=_LIBRARY_NAMES[form],
        title=f"{_known(story.provenance, 'model')} adapted to {_known(story.provenance, 'data')}",
        notice=NOTICE,
        size=_size(story.model),
        policy_meaning=_MEANING[story.policy],
        training=_items(_training(story)),
        exposure=_items(_exposure(story)),
        figures="\n".join(figures(story.metrics, str(_known(story.provenance, "starting_stage")))),
        loading=_loading(story, form),
        image_difference=f"{differences.image:.1e}",
        text_difference=f"{differences.text:.1e}",
        differs=_items((line, "") for line in _differs(form)),
        files="\n".join(_files(folder)),
        provenance=_items(_provenance(story)),
    )
    (folder / CARD).write_text(text, encoding="utf-8")


def _size(model: CLIP) -> str:
    size = model.architecture
    kind = "a transformer" if isinstance(size.image, Transformer) else "a convolutional network"
    count = sum(weight.numel() for weight in model.parameters())
    return (
        f"Images of {size.image_side} x {size.image_side} grey pixels are read by {kind}, texts of up to "
        f"{size.context_length} tokens by a transformer; both become unit vectors of {size.embed_dim} values "
        f"({count / 1e6:.1f} million weights, {size.activation})."
    )


def _training(story: Story) -> Iterator[tuple[str, Any]]:
    made, counts = story.provenance, _at(story.provenance, "studies") or {}
    yield "data set", _known(made, "data")
    yield "studies", ", ".join(f"{count} {split}" for split, count in counts.items()) or UNKNOWN
    yield "left out as unusable", _known(made, "rejected")
    yield "policy", story.policy
    yield "optimizer steps", _known(made, "steps")
    yield "seed", _known(made, "seed")


def _exposure(story: Story) -> Iterator[tuple[str, Any]]:
    start = _at(story.provenance, "starting_stage")
    yield "training started from", f"{_STAGES.get(str(start), UNKNOWN)}{_named(_at(story.config, 'model', 'weights'))}"
    pretraining = _at(story.provenance, "pretrained")
    if isinstance(pretraining, Mapping):
        yield "pretrained before that on", f"{pretraining.get('sources', UNKNOWN)}, {pretraining.get('policy', '')}"
    elif start != "untrained":
        yield "data that the starting weights have seen", UNKNOWN
    yield "stage now", story.model.stage
    yield "the training split", "seen by the weights"
    yield "the validation split", "never trained on; it chose the checkpoint, so its figures are flattered"
    looks = _at(story.metrics, "looks") or {}
    for split in dict.fromkeys((SPLITS[-1], *looks)):
        yield (
            f"the split {split}",
            f"never trained on; looked at {looks[split]} times"
            if split in looks
            else ("never looked at, as far as this run records" if story.metrics else UNKNOWN),
        )
    leaks = _at(story.provenance, "leaks")
    if isinstance(leaks, Mapping):
        shared = ", ".join(f"{count} {kind}" for kind, count in leaks.items())
        yield "shared by two splits", shared


def _named(weights: Any) -> str:
    """Name a tag; a path says where something lies on somebody's machine."""
    if not isinstance(weights, str):
        return ""
    return f" (open_clip's {weights})" if _TAG.fullmatch(weights) and not Path(weights).exists() else " (local files)"


def _loading(story: Story, form: str) -> str:
    scale = float(story.model.logit_scale.detach().exp())
    fitting = "pad" if story.fit == "pad" else "fit"
    template = Template((_HERE / f"loading_{form}.md").read_text(encoding="utf-8"))
    return template.substitute(side=story.model.image_side, scale=f"{scale:.4f}", fitting=fitting).strip()


def _differs(form: str) -> list[str]:
    lines: list[str] = json.loads((_HERE / "differs.json").read_text(encoding="utf-8"))[form]
    return lines


def _files(folder: Path) -> Iterator[str]:
    yield from ("| file | bytes | sha256 |", "|---|---:|---|")
    for path in sorted(folder.iterdir()):
        yield f"| {path.name} | {path.stat().st_size} | `{sha256(path)}` |"


def _provenance(story: Story) -> Iterator[tuple[str, Any]]:
    made = story.provenance
    yield "run", story.name
    yield "MedXpert", f"{_known(made, 'version')}, commit {_known(made, 'commit')}"
    yield "finished", _known(made, "finished")
    yield "packages", ", ".join(f"{name} {found}" for name, found in (made.get("packages") or {}).items()) or UNKNOWN
    prints = ", ".join(f"{split} `{name}`" for split, name in (made.get("stores") or {}).items())
    yield "fingerprints of the data", prints or UNKNOWN
    yield "weights in the run (sha256)", f"`{story.fingerprint}`"


def _items(facts: Iterable[tuple[str, Any]]) -> str:
    return "\n".join(f"- {name}: {value}" if value != "" else f"- {name}" for name, value in facts)


def _known(values: Mapping[str, Any], key: str) -> Any:
    value = values.get(key)
    return UNKNOWN if value is None else value


def _at(values: Any, *keys: str) -> Any:
    for key in keys:
        values = values.get(key) if isinstance(values, Mapping) else None
    return values
