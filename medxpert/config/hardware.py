"""What this machine is good at, found without loading torch."""

from __future__ import annotations

from functools import cache
from pathlib import Path

_GPUS = ("/dev/nvidiactl", "/dev/kfd")
_CPUINFO = Path("/proc/cpuinfo")
_BF16 = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
"""What x86 and ARM processors call instructions for bfloat16; without them it is emulated, many times slower."""


@cache
def fast_precision() -> str:
    """Return the precision, in Lightning's words, in which this machine trains fastest: `${fast_precision:}`.

    avx512_bf16 multiplies twice as fast as float32 on AMD's processors. An Intel one, whose amx_bf16 was hidden, took
    twice as long with it as in float32.
    """
    words = _processor_words()
    slow = "GenuineIntel" in words and "amx_bf16" not in words
    return "bf16-mixed" if _gpu() or (_BF16 & words and not slow) else "32-true"


def has_bf16() -> bool:
    """Tell whether there is a GPU, or instructions for bfloat16, fast or not."""
    return _gpu() or bool(_BF16 & _processor_words())


def _gpu() -> bool:
    return any(Path(device).exists() for device in _GPUS)


def _processor_words() -> set[str]:
    """Return the processor's maker and instructions, as Linux calls them; nothing elsewhere."""
    try:
        lines = _CPUINFO.read_text(encoding="utf-8").splitlines()
    except OSError:
        return set()
    told = ("vendor_id", "flags", "features")
    return {word for line in lines if line.lower().startswith(told) for word in line.split()}
