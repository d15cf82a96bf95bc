"""What may leave the machine: decided here and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from medxpert.errors import ConfigError
from medxpert.reporting import Endpoint
from medxpert.run import OUTPUTS
from medxpert.words import POLICIES, Policy

Destination = Literal["machine", "logger", "hub", "server"]
"""This machine (files, local models), an uploading experiment logger, a hub that publishes models, a database."""

_WAY_OUT = (
    "keep it here (reporter=template, reporter=transformers, or reporter=openai on this machine) or use a service "
    "that somebody verified to retain nothing (reporter.attested_endpoint=)"
)
_PUBLISHED = ", or say policy=open if the image or text is yours to publish"

_WORD = re.compile(r"[\w+-]{1,40}", re.ASCII)
"""What a choice, a literal or a tag of weights looks like, and no path, sentence or address."""


def checked(policy: str, key: str = "policy") -> Policy:
    """Return the policy itself.

    Args:
        policy: as it was given.
        key: where.

    Raises:
        ConfigError: it is not one of `POLICIES`.
    """
    for known in POLICIES:
        if policy == known:
            return known
    known_policies = ", ".join(POLICIES)
    raise ConfigError(f"{key}: expected one of {known_policies}, found {policy!r}; change {key}")


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
    """Tell whether pictures, texts, embeddings and weights under this policy may go there.

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


class Decision(NamedTuple):
    """What the gate decided."""

    action: Literal["send", "send_scrubbed", "refuse"]
    pixels: bool
    """Whether the picture may be sent as well."""
    effective: Policy
    """The strictest of query, evidence and model."""
    reason: str
    """One line; where something is refused, with the way out."""


def decide(
    query: Policy,
    evidence: Policy,
    model: Policy,
    endpoint: Endpoint,
    send_image: bool = False,
    burned_in: str = "",
    image_confirmed: bool = False,
) -> Decision:
    """Decide whether a case may reach a reporter or recogniser, and in what form.

    Endpoint local: send as it is. Attested: send scrubbed. Public, and whatever else: send scrubbed if the effective
    policy is open, else refuse: scrubbing never turns a refusal into a permission. Pixels go only with `send_image`;
    beyond this machine also only where BurnedInAnnotation is NO, or where nobody said and somebody confirmed that no
    text is burned in. The whole table is in experiments/privacy/README.md.

    Args:
        query: policy of the image or text that is asked about.
        evidence: of the cases found.
        model: of the data that the encoder has seen.
        endpoint: where the case would go.
        send_image: whether the reporter asks for the pixels.
        burned_in: BurnedInAnnotation, "YES", "NO" or "" where nobody said.
        image_confirmed: whether somebody looked at the picture.

    Raises:
        ConfigError: one of the policies is not one of `POLICIES`.
    """
    effective = strictest((query, evidence, model))
    if endpoint.kind == "local":
        return Decision("send", send_image, effective, f"{endpoint.name}: nothing leaves this machine")
    if endpoint.kind != "attested" and effective != "open":
        whose = {"query": query, "index": evidence, "model": model}
        strict = {name: policy for name, policy in whose.items() if policy != "open"}
        said = ", ".join(f"the {name} is {policy}" for name, policy in strict.items())
        way_out = _WAY_OUT + (_PUBLISHED if list(strict) == ["query"] else "")
        return Decision("refuse", False, effective, f"nothing was sent to {endpoint.name}: {said}; {way_out}")
    pixels = send_image and (burned_in == "NO" or (burned_in == "" and image_confirmed))
    kept = "" if pixels or not send_image else f"; the picture stays: {_kept(burned_in)}"
    return Decision("send_scrubbed", pixels, effective, f"scrubbed text to {endpoint.name} ({endpoint.kind}){kept}")


def _kept(burned_in: str) -> str:
    if burned_in != "":
        return "its header says that text is burned in"
    return "nobody says that no text is burned in; look at it, then confirm_no_text=true"
