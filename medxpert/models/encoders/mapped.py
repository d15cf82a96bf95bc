"""Weights of an exported model, mapped into memory: they are read when used, and shared by processes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from medxpert.errors import DataError
from medxpert.models.layers import Weights


def map_weights(path: Path) -> Weights:
    """Map the float32 arrays of a safetensors file (eight bytes of length, a JSON header, then the data).

    Raises:
        DataError: the file is not such a file.
    """
    try:
        # copied where written to, which nobody does: torch wants arrays that it could write to
        data = np.asarray(np.memmap(path, np.uint8, "c"))
        start = 8 + int(data[:8].view("<u8")[0])
        header = json.loads(data[8:start].tobytes())
        return {
            name: data[start + entry["data_offsets"][0] : start + entry["data_offsets"][1]]
            .view({"F32": "<f4"}[entry["dtype"]])
            .reshape(entry["shape"])
            for name, entry in header.items()
            if name != "__metadata__"
        }
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise DataError(f"{path} is not a float32 safetensors file ({error}); rebuild: python train.py") from error
