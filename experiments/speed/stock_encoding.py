"""The stock ways to encode: open_clip's towers, and its image tower in OpenVINO; libraries load where they are used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_CONTEXT = 77


def unit(rows: Any) -> NDArray[np.float32]:
    """Return unit rows of a tensor [N, D]."""
    import torch

    scaled: NDArray[np.float32] = torch.nn.functional.normalize(rows.float(), dim=-1).numpy()
    return scaled


def by_batches(encode: Callable[[Any], Any], ready: Any, batch_size: int) -> NDArray[np.float32]:
    """Encode normalised images, float32 tensor [N, 3, S, S], into unit rows [N, D]."""
    import torch

    with torch.inference_mode():
        return np.concatenate([unit(encode(part)) for part in ready.split(batch_size)])


def text_rows(model: Any, texts: Sequence[str], batch_size: int) -> NDArray[np.float32]:
    """Encode texts of 77 tokens each with open_clip's model into unit rows [N, D]."""
    import open_clip
    import torch

    parts = [texts[at : at + batch_size] for at in range(0, len(texts), batch_size)]
    with torch.inference_mode():
        return np.concatenate([unit(model.encode_text(open_clip.tokenize(list(one), _CONTEXT))) for one in parts])


def convert(visual: Any, example: Any, path: Path) -> None:
    """Convert an image tower to OpenVINO, in float32."""
    import openvino
    import torch

    with torch.no_grad():
        model = openvino.convert_model(visual, example_input=example)
    openvino.save_model(model, path, compress_to_fp16=False)


def compiled(path: str, threads: int, precision: str) -> Any:
    """Compile what `convert` wrote, for a precision and a number of threads."""
    import openvino

    hints = {"INFERENCE_PRECISION_HINT": {"bfloat16": "bf16"}.get(precision, "f32"), "INFERENCE_NUM_THREADS": threads}
    return openvino.Core().compile_model(path, "CPU", {**hints, "PERFORMANCE_HINT": "LATENCY"})
