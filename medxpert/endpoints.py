"""Where a remote reporter or recogniser stands: on this machine, with a service somebody vouches for, or in public."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date as Date
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

from medxpert.errors import ConfigError
from medxpert.reporting import Endpoint

MOST_DAYS = 365
"""How long a statement about a service holds."""
LEAST_WORDING = 20
"""Characters of a statement that says something."""


@dataclass(frozen=True)
class Attestation:
    """Somebody's dated statement that one named service keeps nothing of what it is sent.

    Attributes:
        endpoint: the service's name, as reporters print it.
        date: of the statement, ISO, such as "2026-11-26".
        statement: who says so, and on what grounds.
    """

    endpoint: str
    date: str
    statement: str

    def check(self, name: str, today: Date) -> None:
        """Refuse a statement that does not hold for a service on a day.

        Raises:
            ConfigError: it names another service, is not dated, is older than a year, or says nothing.
        """
        if self.endpoint != name:
            raise ConfigError(f"reporter.attested_endpoint: expected {name!r}, found {self.endpoint!r}; name this one")
        try:
            age = (today - Date.fromisoformat(self.date)).days
        except ValueError as error:
            raise ConfigError(
                f"reporter.attested_on: expected a date such as 2026-11-26, found {self.date!r}"
            ) from error
        if not 0 <= age <= MOST_DAYS:
            raise ConfigError(
                f"reporter.attested_on: expected a day of the last {MOST_DAYS}, found {self.date}; verify it again"
            )
        if len(self.statement.strip()) < LEAST_WORDING:
            raise ConfigError(
                f"reporter.attested_statement: expected who verified zero retention and how, found {self.statement!r}"
            )


def endpoint_of(
    name: str,
    base_url: str | None,
    trusted_loopback: bool,
    attestation: Attestation | None,
    today: Date | None = None,
    can_attest: bool = True,
) -> Endpoint:
    """Tell where a service stands.

    Args:
        name: of the service.
        base_url: where it listens; None for the provider's own place.
        trusted_loopback: whether a server on this machine's loopback is the service itself, not a proxy to it.
        attestation: what somebody stated about it.
        today: the day on which the statement must hold, today by default.
        can_attest: False where nobody can vouch for it, as for a bare API key.

    Raises:
        ConfigError: there is a statement that does not hold, or cannot be made for such a service.
    """
    if attestation is not None and not can_attest:
        raise ConfigError(
            f"reporter.attested_endpoint: {name} is reached by a bare API key, which is always public; "
            "name a Vertex project (reporter.project= reporter.location=) or a server of your own"
        )
    if trusted_loopback and base_url is not None and is_loopback(base_url):
        return Endpoint("local", f"{name} on this machine")
    if attestation is None:
        return Endpoint("public", name)
    attestation.check(name, today or Date.today())
    return Endpoint("attested", name)


def is_loopback(url: str) -> bool:
    """Tell whether a URL can only mean this machine: http or https, no user, localhost, 127.0.0.0/8 or ::1.

    Every other way to write the same address (::ffff:127.0.0.1, 127.1, a number) is taken for another machine.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    # what clients may read in another way than urlsplit does
    ambiguous = not url.isprintable() or set(url) & set(" \\@")
    if ambiguous or parts.scheme not in ("http", "https") or port == 0:
        return False
    if host == "localhost":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return address.is_loopback if isinstance(address, IPv4Address) else address == IPv6Address("::1")
