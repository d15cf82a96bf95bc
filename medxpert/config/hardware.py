"""What this machine is good at, found without loading torch."""

from __future__ import annotations

from functools import cache
from pathlib import Path

_GPUS = ("/dev/nvidiactl", "/dev/kfd")
_BF16_FLAGS = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
"""What x86 and ARM processors call instructions for bfloat16; without them it is emulated, several times slower."""


@cache
def fast_precision() -> str:
    """Return the precision, in Lightning's words, in which this machine trains fastest: `${fast_precision:}`."""
    if any(Path(device).exists() for device in _GPUS) or _BF16_FLAGS & _processor_flags():
        return "bf16-mixed"
    return "32-true"


def _processor_flags() -> set[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return set()
    return {flag for line in lines if line.lower().startswith(("flags", "features")) for flag in line.split()}
