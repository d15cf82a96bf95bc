"""What a test knows of a data set that it built."""

from typing import NamedTuple


class Tree(NamedTuple):
    """A data set on disk and what reading it must give, known from how it was built."""

    arguments: dict[str, str]
    """Hydra overrides that read it, such as {"data.root": "x"}."""
    counts: dict[str, tuple[int, int, int | None]]
    """Split -> studies, images, patients that stay usable after decoding, all views kept; None where unknown."""
    rejected: dict[str, int]
    """Reason -> how often, over all splits: the reader's, and one per image that cannot be decoded."""
    ids: dict[str, list[str]]
    """Split -> study ids that the reader yields, in order."""
