"""The audit log: one line per decision to send or to refuse, with hashes and figures, never with content.

Hashes are keyed (HMAC-SHA256) with a random key that lies beside the log: ids and short texts are few enough to be
guessed, and a plain digest would tell whoever reads the log that the guess was right. With the key, its owner can
still look one up.
"""

from __future__ import annotations

import errno
import fcntl
import hmac
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_bytes, token_hex
from typing import Literal

from medxpert.errors import ConfigError
from medxpert.privacy import Decision
from medxpert.reporting import Reporter

FOLDER = "MEDXPERT_AUDIT"
"""Environment variable that names the folder of the log."""
LOG, KEY = "audit.jsonl", "audit.key"
KEY_BYTES = 32
_OWNER_ONLY = 0o600

Outcome = Literal["asked", "refused", "failed", "answered"]
"""About to be sent; or not sent; or sent, and no usable answer came; or one did."""


@dataclass(frozen=True)
class Sending:
    """One decision.

    Attributes:
        reporter: who would write.
        model_id: with which model.
        endpoint_kind: local, attested or public.
        endpoint: its name.
        policy: the strictest of query, evidence and model.
        action: what the gate said.
        pixels: whether the picture goes too.
        content: of the query; only its hash is written.
        payload: what is sent; only its hash and size are written, null where it is empty.
        policies: of query, evidence and model, each for itself.
    """

    reporter: str
    model_id: str
    endpoint_kind: str
    endpoint: str
    policy: str
    action: str
    pixels: bool
    content: bytes
    payload: bytes = b""
    policies: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        reporter: Reporter,
        decision: Decision,
        content: bytes,
        payload: bytes = b"",
        policies: Mapping[str, str] | None = None,
    ) -> Sending:
        """Describe what a gate decided about a query for a reporter."""
        place = reporter.endpoint
        return cls(
            reporter.name,
            reporter.model_id,
            place.kind,
            place.name,
            decision.effective,
            decision.action,
            decision.pixels,
            content,
            payload,
            policies or {},
        )


class Audit:
    """An append-only log that several processes may write to; only its owner may read it.

    Args:
        folder: of the log; MEDXPERT_AUDIT or ~/.local/state/medxpert by default. Made when the first line is written.
    """

    def __init__(self, folder: Path | None = None) -> None:
        named = os.environ.get(FOLDER) or os.path.join("~", ".local", "state", "medxpert")
        self.folder = folder or Path(os.path.expanduser(named))

    def note(self, sending: Sending, outcome: Outcome) -> None:
        """Write one line: before anything is sent, and again with what came of it.

        A line is on the disk when this returns. What a full disk cut short is no JSON; readers skip it.

        Raises:
            ConfigError: it cannot be written.
        """
        line = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "outcome": outcome,
            "action": sending.action,
            "pixels": sending.pixels,
            "policy": sending.policy,
            "policies": dict(sending.policies),
            "reporter": sending.reporter,
            "model_id": sending.model_id,
            "endpoint_kind": sending.endpoint_kind,
            "endpoint": sending.endpoint,
            "content": self.digest(sending.content),
            "payload": self.digest(sending.payload) if sending.payload else None,
            "payload_bytes": len(sending.payload) or None,
        }
        with self._explained():
            _append(self.folder / LOG, json.dumps(line).encode() + b"\n")

    def digest(self, content: bytes) -> str:
        """Return the keyed hash under which the log names a content, as hex digits.

        Raises:
            ConfigError: the key cannot be read or made.
        """
        with self._explained():
            key = self._key()
        return hmac.new(key, content, "sha256").hexdigest()

    def _key(self) -> bytes:
        """Return the key, made the first time; the first of several processes wins."""
        path = self.folder / KEY
        if not path.exists():
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            # not the process id: two containers that share a disk may have the same one
            sibling = path.with_name(f".{KEY}.{token_hex(4)}")
            try:
                _append(sibling, token_bytes(KEY_BYTES))
                with suppress(FileExistsError):
                    os.link(sibling, path)
            finally:
                sibling.unlink(missing_ok=True)
        key = path.read_bytes()
        if len(key) != KEY_BYTES:
            raise ConfigError(
                f"{path}: expected {KEY_BYTES} bytes, found {len(key)}; move it away with its log, and both start anew"
            )
        return key

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ConfigError(
                f"cannot write the audit log in {self.folder} ({error.strerror or error}), so nothing is sent; "
                f"free the space or name another folder in {FOLDER}"
            ) from error


def _append(path: Path, content: bytes) -> None:
    """Append under a lock, so that no other process sees or splits half a line, and wait for the disk."""
    file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, _OWNER_ONLY)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        cut_short = os.lseek(file, 0, os.SEEK_END) and os.lseek(file, -1, os.SEEK_END) and os.read(file, 1) != b"\n"
        if cut_short:  # by a full disk
            content = b"\n" + content
        if os.write(file, content) < len(content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(file)
    finally:
        os.close(file)
