"""The folder of an exported model: what its files are called and what its card says. No torch."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from medxpert.checksums import known_sha256, sha256
from medxpert.errors import ConfigError, DataError
from medxpert.folders import read_json, write_json
from medxpert.models.architecture import Architecture, parse_architecture
from medxpert.words import Policy, Stage

CARD = "model.json"
WEIGHTS = "model.safetensors"
MERGES = "merges.txt"


@dataclass(frozen=True)
class Card:
    """What is known of an exported model besides its weights.

    Attributes:
        stage: where the weights come from.
        policy: the strictest policy of the data that the weights have seen.
        fingerprint: sha256 of the weights file.
        merges: sha256 of the tokenizer's file.
    """

    architecture: Architecture
    stage: Stage
    policy: Policy
    fingerprint: str
    merges: str


def find_folder(path: Path) -> Path | None:
    """Return the model folder that a path is, or that the run at this path holds."""
    for folder in (path, path / "model"):
        if (folder / CARD).is_file():
            return folder
    return None


def write_card(folder: Path, architecture: Architecture, stage: Stage, policy: Policy) -> Card:
    """Describe the weights that already lie in the folder."""
    card = Card(architecture, stage, policy, sha256(folder / WEIGHTS), sha256(folder / MERGES))
    write_json(folder / CARD, asdict(card))
    return card


def read_card(folder: Path) -> Card:
    """Read a model's card and check its weights file against it.

    Raises:
        DataError: the card or the weights are missing, broken, or do not belong together.
    """
    values = read_json(folder / CARD)
    try:
        card = Card(**{**values, "architecture": parse_architecture(values["architecture"])})
    except (TypeError, KeyError, AttributeError, ConfigError) as error:
        raise DataError(f"{folder / CARD} does not describe a model ({error}); rebuild: python train.py") from error
    for path, digest in ((folder / WEIGHTS, card.fingerprint), (folder / MERGES, card.merges)):
        if not path.is_file():
            raise DataError(f"{path} is missing; rebuild: python train.py")
        if known_sha256(path) != digest:
            raise DataError(f"{path} is not the file that {CARD} describes (sha256 differs); rebuild: python train.py")
    return card
