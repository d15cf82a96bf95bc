"""What may leave the machine: decided here and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from medxpert.errors import ConfigError
from medxpert.run import OUTPUTS
from medxpert.words import POLICIES, Policy

Destination = Literal["machine", "logger", "service"]
"""This machine (files, local models), an experiment logger that uploads, a remote reporter or recogniser."""

_WORD = re.compile(r"[\w+-]{1,40}", re.ASCII)
"""What a choice, a literal or a tag of weights looks like, and no path, sentence or address."""


def checked(policy: str) -> Policy:
    """Return the policy itself.

    Raises:
        ConfigError: it is not one of `POLICIES`.
    """
    for known in POLICIES:
        if policy == known:
            return known
    known_policies = ", ".join(POLICIES)
    raise ConfigError(f"policy: expected one of {known_policies}, found {policy!r}; change data.policy or query_policy")


def strictest(policies: Iterable[str]) -> Policy:
    """Return the policy of something derived from all of these; private when there are none.

    Raises:
        ConfigError: one of them is not one of `POLICIES`.
    """
    return max((checked(policy) for policy in policies), key=POLICIES.index, default="private")


def without_credentials(location: str) -> str:
    """Return a URI without the key and secret that may stand before its host."""
    return re.sub(r"(?<=://)[^/@]*@", "", location)


def may_leave(policy: str, destination: Destination) -> bool:
    """Tell whether pictures, texts and embeddings under this policy may go there.

    Open data may go anywhere. Credentialed data (PhysioNet forbids third parties) and private data stay on
    the machine. Counts, losses and metrics are not asked about: they may always be logged.

    Raises:
        ConfigError: the policy is not one of `POLICIES`.
    """
    return checked(policy) == "open" or destination == "machine"


def loggable(config: Mapping[str, Any], policy: str) -> dict[str, Any]:
    """Return what of a configuration may go to an experiment logger.

    All of it for open data. Else nothing that may name data, people or places: numbers, booleans, nulls, `_target_`
    and single words that name no file here stay; of the group `data` only the numbers that stand directly in it.

    Args:
        config: plain and without secrets, as `config.build.resolve` returns it.
        policy: the strictest of all inputs.

    Raises:
        ConfigError: the policy is not one of `POLICIES`.
    """
    if may_leave(policy, "logger"):
        return dict(config)
    kept: dict[str, Any] = _nameless(config)
    if isinstance(reader := config.get("data"), Mapping):
        kept["data"] = {key: value for key, value in reader.items() if _is_figure(value)}
    return kept


def _nameless(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _nameless(child) for key, child in value.items() if key == "_target_" or _names_nothing(child)}
    return [_nameless(child) for child in value if _names_nothing(child)] if isinstance(value, list) else value


def _names_nothing(value: Any) -> bool:
    if isinstance(value, str):
        return _WORD.fullmatch(value) is not None and not Path(value).exists() and not (OUTPUTS / value).exists()
    return isinstance(value, Mapping | list) or _is_figure(value)


def _is_figure(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float)
