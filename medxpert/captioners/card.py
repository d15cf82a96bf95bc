"""What is known of a captioner beside its weights: captioner.json. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from medxpert.errors import ConfigError, DataError
from medxpert.folders import read_json, write_json
from medxpert.privacy import checked
from medxpert.words import Policy

CARD = "captioner.json"


@dataclass(frozen=True)
class Card:
    """What others must know of a captioner.

    Attributes:
        model: which model it is, such as "blip_tiny".
        image_side: pixels per side that it sees.
        policy: the strictest policy of what it was trained on.
        trust: as `exchange.Captioner.trust`; "1" affirmed and "0" denied, as JSON names them.
    """

    model: str
    image_side: int
    policy: Policy
    trust: Mapping[str, float] = field(default_factory=dict)

    def odds(self) -> dict[int, float]:
        """Return the trust by label."""
        return {int(sign): float(value) for sign, value in self.trust.items()}


def write_card(path: Path, card: Card) -> None:
    """Write captioner.json."""
    write_json(path, asdict(card))


def read_card(path: Path) -> Card:
    """Read captioner.json.

    Raises:
        DataError: it is missing or broken.
    """
    values = read_json(path)
    try:
        card = Card(**values)
        card.odds()
        checked(card.policy)
        return card
    except (TypeError, ValueError, AttributeError, ConfigError) as error:
        raise DataError(f"{path} does not describe a captioner ({error}); train it again") from error
