"""The axes of a search: sweeps of Hydra's grammar as Optuna's distributions, and trials as overrides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from hydra.core.override_parser.types import Override
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    distribution_to_json,
)

from medxpert.errors import ConfigError


class Space(NamedTuple):
    """What is searched, and what stays.

    Attributes:
        axes: key -> distribution; the values of a categorical one are texts, as typed.
        prefixed: key -> key with its prefix, as an override needs it.
        fixed: overrides that all trials share.
    """

    axes: dict[str, BaseDistribution]
    prefixed: dict[str, str]
    fixed: tuple[str, ...]

    def overrides(self, values: Mapping[str, Any]) -> list[str]:
        """Return the overrides of one trial."""
        return [*self.fixed, *(f"{self.prefixed[key]}={value}" for key, value in values.items())]

    def described(self) -> dict[str, str]:
        """Return key -> distribution as text, equal for equal spaces."""
        return {key: distribution_to_json(axis) for key, axis in sorted(self.axes.items())}

    def corners(self) -> Iterator[list[str]]:
        """Go along every axis once, to its ends or through all of its choices, as overrides to be checked."""
        ends = {key: _ends(axis) for key, axis in self.axes.items()}
        first = {key: values[0] for key, values in ends.items()}
        yield self.overrides(first)
        for key, values in ends.items():
            for value in values[1:]:
                yield self.overrides({**first, key: value})


def read_space(overrides: Sequence[Override]) -> Space:
    """Divide overrides into axes and fixed ones.

    Comma lists and `choice()` are categorical, `interval()` a real number, `int(interval())` and `range()` steps;
    `tag(log, interval())` searches on a logarithmic scale.

    Raises:
        ConfigError: there is no axis, or its ends do not fit together.
    """
    swept = [one for one in overrides if one.is_sweep_override()]
    if not swept:
        raise ConfigError("sweep=optuna: name what to search, such as 'optimizer.lr=tag(log,interval(1e-5,1e-2))'")
    axes = {one.key_or_group: _distribution(one) for one in swept}
    fixed = [f"{one.get_key_element()}={one.get_value_element_as_str()}" for one in overrides if one not in swept]
    return Space(axes, {one.key_or_group: one.get_key_element() for one in swept}, tuple(fixed))


def _distribution(axis: Override) -> BaseDistribution:
    sweep: Any = axis.value()
    log = "log" in getattr(sweep, "tags", ())
    try:
        if axis.is_choice_sweep():
            return CategoricalDistribution(list(axis.sweep_string_iterator()))
        if axis.is_interval_sweep():
            low, high, step = sweep.start, sweep.end, None
        else:
            values: list[Any] = list(axis.sweep_iterator())
            low, high, step = min(values), max(values), abs(sweep.step)
        if all(isinstance(one, int) for one in (low, high, step or 1)):
            return IntDistribution(low, high, log=log, step=int(step or 1))
        return FloatDistribution(float(low), float(high), log=log, step=None if step is None else float(step))
    except ValueError as error:
        raise ConfigError(f"{axis.key_or_group}: {' '.join(str(error).split())}") from error


def _ends(axis: BaseDistribution) -> list[Any]:
    if isinstance(axis, CategoricalDistribution):
        return list(axis.choices)
    low, high = axis.low, axis.high  # type: ignore[attr-defined]
    return [low, high]
