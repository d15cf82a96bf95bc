"""Strategies of Lightning's Trainer that are set up for this framework."""

from __future__ import annotations

from pytorch_lightning.strategies import ModelParallelStrategy


class FullySharded(ModelParallelStrategy):
    """Divides weights, gradients and optimizer state among all processes (FSDP, Zhao et al., VLDB 2023).

    For models that one device can hold but not train. Checkpoints are whole files, as without it.
    """

    def __init__(self) -> None:
        super().__init__(data_parallel_size=1, tensor_parallel_size=1, save_distributed_checkpoint=False)

    def setup_environment(self) -> None:
        """Let every process share in the data."""
        self._data_parallel_size = self.num_nodes * self.num_processes
        super().setup_environment()
