"""What this machine is good at, found without loading torch."""

from __future__ import annotations

from functools import cache
from pathlib import Path

_GPUS = ("/dev/nvidiactl", "/dev/kfd")
_BF16 = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
"""What x86 and ARM processors call instructions for bfloat16; without them it is emulated, several times slower."""
_SLOW_BF16 = frozenset({"GenuineIntel", "avx512_bf16"})
"""AMD's vectors multiply bfloat16 twice as fast as float32, Intel's half as fast: those need the tiles of amx_bf16."""


@cache
def fast_precision() -> str:
    """Return the precision, in Lightning's words, in which this machine trains fastest: `${fast_precision:}`."""
    slow = not _gpu() and (_BF16 | _SLOW_BF16) & _processor_words() == _SLOW_BF16
    return "bf16-mixed" if has_bf16() and not slow else "32-true"


def has_bf16() -> bool:
    """Tell whether there is a GPU, or instructions for bfloat16, fast or not."""
    return _gpu() or bool(_BF16 & _processor_words())


def _gpu() -> bool:
    return any(Path(device).exists() for device in _GPUS)


def _processor_words() -> set[str]:
    """Return the processor's maker and instructions, as Linux calls them; nothing elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return set()
    told = ("vendor_id", "flags", "features")
    return {word for line in lines if line.lower().startswith(told) for word in line.split()}
