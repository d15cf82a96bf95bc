"""What this machine is good at, found without loading torch."""

from __future__ import annotations

from functools import cache
from pathlib import Path

_GPUS = ("/dev/nvidiactl", "/dev/kfd")
_BF16 = frozenset({"amx_bf16", "bf16"})
"""What x86 and ARM processors call instructions for bfloat16; without them it is emulated, several times slower."""
_BF16_IN_VECTORS, _WHERE_THEY_ARE_SLOW = "avx512_bf16", "GenuineIntel"
"""AMD's multiply bfloat16 twice as fast as float32, Intel's half as fast, so that those need the tiles of amx_bf16."""


@cache
def fast_precision() -> str:
    """Return the precision, in Lightning's words, in which this machine trains fastest: `${fast_precision:}`."""
    words = _processor_words()
    in_vectors = _BF16_IN_VECTORS in words and _WHERE_THEY_ARE_SLOW not in words
    if any(Path(device).exists() for device in _GPUS) or _BF16 & words or in_vectors:
        return "bf16-mixed"
    return "32-true"


def _processor_words() -> set[str]:
    """Return the processor's maker and instructions, as Linux calls them; nothing elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return set()
    told = ("vendor_id", "flags", "features")
    return {word for line in lines if line.lower().startswith(told) for word in line.split()}
