"""From a recording through the privacy gate to text.

A voice tells who speaks, and names can be spoken where no text scrubber reaches them. So a recording leaves this
machine only where the gate lets its policy through and somebody confirmed what was said; no sample of it is ever
logged or stored.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from medxpert.audit import Audit, Outcome, Sending
from medxpert.errors import RemoteError
from medxpert.exchange import Heard, Recogniser, Sound
from medxpert.privacy import Decision, checked, decide
from medxpert.recognisers.sound import read_sound
from medxpert.words import Policy

_HERE = "listen on this machine (recogniser=grammar or recogniser=whisper)"


@runtime_checkable
class RemoteRecogniser(Recogniser, Protocol):
    """A recogniser that sends recordings to another machine."""

    confirm_voice: bool
    """Whether somebody confirmed that the recording names nobody and that who speaks agrees."""

    def payload(self, sound: Sound) -> bytes:
        """Return exactly what would be sent, keys left out."""
        ...


@dataclass
class Hearing:
    """Has recordings recognised.

    Attributes:
        recogniser: behind the gate.
        audit: where each decision to send or to refuse is noted; nothing is noted of what stays on this machine.
        read: opens a recording.
    """

    recogniser: Recogniser
    audit: Audit = field(default_factory=Audit)
    read: Callable[[Path], Sound] = read_sound

    def heard(self, path: Path, policy: str) -> Heard:
        """Recognise one recording, if it may reach the recogniser.

        Args:
            path: of the recording.
            policy: of what is said in it.

        Raises:
            DataError: the recording is missing, broken, silent, clipped, too short or too long.
            ConfigError: there is no such policy, a package is missing, or the audit log cannot be written.
            RemoteError: policy forbids to send it, or the service failed for good.
        """
        query = checked(policy)
        sound = self.read(path)
        decision = self._decision(query)
        if self.recogniser.endpoint.kind == "local":
            return self.recogniser(sound)
        if decision.action == "refuse" or not isinstance(self.recogniser, RemoteRecogniser):
            self.audit.note(self._sending(decision, sound, query), "refused")
            raise RemoteError(decision.reason)
        return self._asked(self.recogniser, sound, decision, query)

    def _decision(self, query: Policy) -> Decision:
        # no case of the index and nothing of the model goes along with a recording
        place = self.recogniser.endpoint
        decision = decide(query, "open", "open", place)
        if decision.action == "send":
            return decision
        if decision.action == "refuse":
            reason = f"nothing was sent to {place.name}: the recording is {query}; {_HERE}, or {_way_out()}"
        elif not getattr(self.recogniser, "confirm_voice", False):
            reason = (
                f"nothing was sent to {place.name}: a voice cannot be scrubbed; {_HERE}, or confirm that the recording "
                "names nobody and that who speaks agrees (recogniser.confirm_voice=true)"
            )
        else:
            return decision._replace(action="send", reason=f"the recording to {place.name} ({place.kind})")
        return Decision("refuse", False, decision.effective, reason)

    def _asked(self, recogniser: RemoteRecogniser, sound: Sound, decision: Decision, query: Policy) -> Heard:
        """Ask, and note before and after what was sent and what came of it."""
        outcome: Outcome = "failed"
        sending = self._sending(decision, sound, query, recogniser.payload(sound))
        self.audit.note(sending, "asked")
        try:
            heard = recogniser(sound)
            outcome = "answered"
        finally:
            self.audit.note(sending, outcome)
        return heard

    def _sending(self, decision: Decision, sound: Sound, query: Policy, payload: bytes = b"") -> Sending:
        place = self.recogniser.endpoint
        return Sending(
            reporter=self.recogniser.name,
            model_id=self.recogniser.model_id,
            endpoint_kind=place.kind,
            endpoint=place.name,
            policy=decision.effective,
            action=decision.action,
            pixels=False,
            content=sound.samples.tobytes(),
            payload=payload,
            policies={"query": query},
        )


def _way_out() -> str:
    return (
        "use a service that somebody verified to retain nothing (recogniser.attested_endpoint=), "
        "or say policy=open if what is said is yours to publish"
    )
