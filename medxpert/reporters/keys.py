"""Keys of services: read from the environment only, when they are needed, and never written."""

from __future__ import annotations

import os
from collections.abc import Sequence

from medxpert.reporters.retries import Failed


def key_of(names: Sequence[str], needed: bool = True) -> str:
    """Return the first key that the environment holds.

    Args:
        names: of the environment's variables, in the order of preference.
        needed: whether its absence is a fault; otherwise "" is returned.

    Raises:
        Failed: there is none, or it holds what no key holds (libraries would print it in their complaint).
    """
    for name in names:
        if key := os.environ.get(name, "").strip():
            if not key.isascii() or not key.isprintable() or " " in key:
                raise Failed(f"needs a key, and {name} holds characters that no key has", f"set {name} again")
            return key
    if needed:
        raise Failed(f"needs a key, and the environment has no {' or '.join(names)}", f"set {names[0]}")
    return ""
