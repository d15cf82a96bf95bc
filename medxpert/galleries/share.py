"""Which share of the work is this process's own: by torchrun, srun, a SLURM array, or the user's word."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from medxpert.config.ranks import outer_rank, outer_size
from medxpert.errors import ConfigError

_TASK = "SLURM_ARRAY_TASK_"


@dataclass(frozen=True)
class Share:
    """Part `number` of `count`, from 0."""

    number: int = 0
    count: int = 1

    @property
    def alone(self) -> bool:
        """Whether this process does everything."""
        return self.count == 1

    def __str__(self) -> str:
        return f"part {self.number + 1}/{self.count}"


def share_of(part: str | None) -> Share:
    """Return this process's share: `part` such as "3/16", divided among the processes of torchrun or srun.

    Args:
        part: counted from 1; None takes the place in a SLURM array, if there is one.

    Raises:
        ConfigError: no such part, or an array whose task numbers have gaps.
    """
    outer = _array() if part is None else _parsed(part)
    inner, size = outer_rank() or 0, outer_size()
    return Share(outer.number * size + inner, outer.count * size)


def _parsed(part: str) -> Share:
    found = re.fullmatch(r"(\d+)/(\d+)", part.strip())
    number, count = (int(one) for one in found.groups()) if found else (0, 0)
    if not 1 <= number <= count:
        raise ConfigError(f"part={part}: expected I/N with I from 1 to N, such as part=3/16")
    return Share(number - 1, count)


def _array() -> Share:
    if f"{_TASK}ID" not in os.environ:
        return Share()
    told = (os.environ.get(f"{_TASK}{name}", default) for name, default in (("ID", "0"), ("COUNT", "1"), ("STEP", "1")))
    try:
        task, count, step = (int(one) for one in told)
        first, last = (int(os.environ.get(f"{_TASK}{name}", task)) for name in ("MIN", "MAX"))
    except ValueError as error:
        raise ConfigError(f"{_TASK}*: expected numbers ({error}); unset them, or say part=3/16") from error
    place, over = divmod(task - first, step)
    if over or (last - first) // step + 1 != count:
        raise ConfigError(
            f"the {count} tasks of the SLURM array are not evenly numbered from {first} to {last}; say which part each "
            'does, such as part="$((SLURM_ARRAY_TASK_ID + 1))/16"'
        )
    return Share(place, count)
