"""Errors by who must act: the user's flags, the user's data, or a remote service."""

from __future__ import annotations


class MedXpertError(Exception):
    """A fault with a one-line message that says what was expected, what was found and what to do."""

    exit_status = 1


class ConfigError(MedXpertError):
    """Flags or YAML cannot be honoured, or what they name does not exist."""

    exit_status = 2


class MissingExtraError(ConfigError):
    """An optional dependency is not installed; the message is the pip command."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package} is not installed; run: pip install 'medxpert[{extra}]'")


class DataError(MedXpertError):
    """Content given as data (image, manifest, report, run) is missing, broken or inconsistent."""

    exit_status = 3


class RemoteError(MedXpertError):
    """A remote service failed for good, or policy forbids sending anything to it."""

    exit_status = 4
