"""What may leave the machine: decided here and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from medxpert.errors import ConfigError
from medxpert.words import POLICIES, Policy

Destination = Literal["machine", "logger", "service"]
"""This machine (files, local models), an experiment logger that uploads, a remote reporter or recogniser."""


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
