"""What other libraries say on the terminal that says nothing to people."""

from __future__ import annotations

import logging
import warnings

_INSIDES = (
    "pytorch_lightning.utilities.rank_zero",
    "pytorch_lightning.trainer.connectors.signal_connector",
    "lightning_fabric.utilities.distributed",
)
_REMARKS = (
    "Found .* in eval mode",
    "`isinstance\\(treespec",
    "The number of training batches",
    "You're resuming from a checkpoint that ended before the epoch ended",  # the data module remembers the place
    ".* does not have many workers",
    "The `srun` command is available",
    "It is recommended to use `self.log",  # every rank computes the same figures
    "Checkpoint directory .* exists and is not empty",
    "Experiment logs directory .* exists and is not empty",
)


def quieten() -> None:
    """Keep advertisements and remarks about a library's own insides off the terminal."""
    for insides in _INSIDES:
        logging.getLogger(insides).setLevel(logging.WARNING)
    for remark in _REMARKS:
        warnings.filterwarnings("ignore", message=remark)
