"""How long a reader had a report before them: pauses are taken out, long silences are noticed."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Clock:
    """The time of one report on screen; all times are seconds of one steady clock.

    Attributes:
        started: when it was shown.
        touched: when its reader last did something.
        paused: seconds of pauses that the reader asked for.
        longest: seconds of the longest silence between two things that the reader did, pauses apart.
        since: when the pause began that lasts now; None outside one.
    """

    started: float
    touched: float
    paused: float = 0.0
    longest: float = 0.0
    since: float | None = None

    @classmethod
    def begun(cls, now: float) -> Clock:
        """Start a clock."""
        return cls(now, now)

    def touch(self, now: float) -> Clock:
        """Note that the reader did something; a pause goes on until it is ended."""
        if self.since is not None:
            return self
        return replace(self, touched=now, longest=max(self.longest, now - self.touched))

    def pause(self, now: float) -> Clock:
        """Begin a pause."""
        return self if self.since is not None else replace(self.touch(now), since=now)

    def resume(self, now: float) -> Clock:
        """End a pause."""
        if self.since is None:
            return self
        return replace(self, paused=self.paused + now - self.since, touched=now, since=None)

    def active(self, now: float) -> float:
        """Return the seconds since the report was shown, without pauses."""
        ended = self.resume(now)
        return max(0.0, now - ended.started - ended.paused)
