"""What a sentence says of each observation: its phrases read from left to right, clause by clause.

A cue reaches forward or back through a list to the end of its clause, as in NegEx (Chapman et al., J. Biomed. Inform.
2001); it does not cross a verb and a comma, or a conjunction that contrasts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from medxpert.mentions.claims import Claim, Cue, under
from medxpert.mentions.events import Event
from medxpert.mentions.lexicon import load
from medxpert.mentions.organs import Organs, State
from medxpert.ontology import POSITIVE, UNCERTAIN

_LINKS = frozenset(load("organs.json")["links"])
_MAX_ADJECTIVES = 3
"""Words that may stand between an adjective such as "large" and its finding."""
_SAME = frozenset(load("cues.json")["classes"]["same"])
"""Words that stand for a finding named before: "but a small one"."""
_ALTERNATIVES = frozenset({"or", "nor", "versus", "vs", "vs."})


class Sentence:
    """Reads the events of one sentence; `claims` is the outcome."""

    def __init__(self, words: Sequence[str], events: Sequence[Event]) -> None:
        self.claims: list[Claim] = []
        self._words = words
        self._events = events
        self._before: list[Claim] = []
        """The last claims of the clauses before this one."""
        self._start_clause(events[0].start)
        for self._at, event in enumerate(events):
            _READERS[event.entry.kind](self, event)
        self._end_clause()

    def _start_clause(self, first: int) -> None:
        self._first = first
        """The place of the clause's first word."""
        self._organs = Organs()
        self._cue = Cue.NONE
        self._crosses_commas = False
        self._used = False
        """The cue has met a finding."""
        self._closing = False
        """The next comma or "and" ends the cue, whatever it is."""
        self._separated = False
        """A comma or "and" has come since the cue."""
        self._gap = False
        """A comma or conjunction has come since the last finding."""
        self._open: list[list[Claim]] = []
        """The claims of each finding that a later "is not seen" reaches."""
        self._joined = self._or = self._verb = False
        self._dangling = Cue.NONE
        """A cue that may stand before or after its finding, and has met none yet."""
        self._same = False
        """That cue is about the finding of the clause before."""

    def _end_clause(self) -> None:
        self._add_each(self._organs.settle())
        if self._dangling is not Cue.NONE and self._open:
            self._apply(self._dangling, self._open[-1:])
        elif self._dangling is Cue.UNCERTAIN and self._same:
            for claim in self._before:
                claim.value = UNCERTAIN

    def _finding(self, event: Event) -> None:
        value = under(self._cue, event.entry.value)
        self._used, self._dangling = True, Cue.NONE
        names = () if value is None else event.entry.observations
        self._add([Claim(name, value or 0, event.start, event.end) for name in names])

    def _add(self, group: list[Claim]) -> None:
        """Add the claims of one phrase."""
        if self._verb:
            self._open, self._joined = [], False
        if group and self._open and self._open[-1] and self._open[-1][-1].end == group[0].start:
            self._open[-1].extend(group)
        else:
            self._weigh(group)
            self._open.append(group)
        self.claims.extend(group)
        self._verb = self._or = self._gap = False

    def _add_each(self, claims: Sequence[Claim]) -> None:
        for claim in claims:
            self._add([claim])

    def _weigh(self, group: Sequence[Claim]) -> None:
        """Make both sides of "a or b" uncertain."""
        if not (self._or and group and self._open and self._open[-1]) or self._cue is Cue.UNCHANGED:
            return
        pair = (*self._open[-1], *group)
        if all(claim.value == POSITIVE for claim in pair):
            for claim in pair:
                claim.value = UNCERTAIN

    def _organ(self, event: Event) -> None:
        self._gap = False
        own_clause = self._separated and self._used and self._next_kind() in ("verb", "state")
        if own_clause and self._organs.ahead is None:
            self._cue = Cue.NONE
        self._add_each(self._organs.meet(event, self._cue))

    def _state(self, event: Event) -> None:
        if self._separated and self._used and event.entry.state in ("normal", "high normal"):
            self._cue = Cue.NONE
        state = State(event.entry.state, self._cue)
        if not self._modifies_next(event):
            self._add_each(self._organs.describe(state))
        elif self._next_kind() == "organ":
            self._organs.ahead = state

    def _modifies_next(self, event: Event) -> bool:
        """Tell whether a state belongs to the phrase after it ("large right effusion"), not to the organs before it."""
        kind = self._next_kind()
        if kind not in ("organ", "finding") or self._is_predicate(event):
            return False
        between = self._words[event.end : self._events[self._at + 1].start]
        return len(between) <= _MAX_ADJECTIVES if kind == "finding" else _LINKS.issuperset(between)

    def _is_predicate(self, event: Event) -> bool:
        return self._verb and bool(self._organs.waiting) and event.entry.state == "normal"

    def _next_kind(self) -> str:
        return self._events[self._at + 1].entry.kind if self._at + 1 < len(self._events) else ""

    def _begin(self, cue: Cue) -> None:
        """Start a cue that reaches forward; only a negation takes over from another in the same phrase."""
        if cue is not Cue.NEGATIVE and self._cue is not Cue.NONE and not (self._separated and self._gap):
            return
        self._cue = cue
        self._crosses_commas = cue is Cue.NEGATIVE
        self._separated = self._used = self._closing = False

    def _begin_list(self, event: Event) -> None:
        self._begin(Cue.UNCERTAIN)
        self._crosses_commas = True

    def _adjective(self, event: Event) -> None:
        self._begin(Cue.UNCERTAIN)
        self._dangling = Cue.UNCERTAIN

    def _after(self, cue: Cue, event: Event) -> None:
        """Apply a cue to the findings before it, or else to what follows."""
        if not self._open or self._gap:
            self._begin(cue)
            self._dangling = cue
            self._same = _SAME.issuperset(self._words[self._first : event.start])
        else:
            self._apply(cue, self._open if self._joined else self._open[-1:])

    def _apply(self, cue: Cue, groups: Sequence[Sequence[Claim]]) -> None:
        for group in groups:
            for claim in group:
                value = under(cue, claim.value)
                claim.value = claim.value if value is None else value

    def _versus(self, event: Event) -> None:
        self._apply(Cue.UNCERTAIN, self._open[-1:])
        self._begin(Cue.UNCERTAIN)

    def _comma(self, event: Event) -> None:
        self._gap = self._separated = True
        if (self._closing or not self._crosses_commas) and not self._alternative_follows():
            self._cue = Cue.NONE

    def _alternative_follows(self) -> bool:
        for event in self._events[self._at + 1 :]:
            if event.entry.kind == "break":
                return False
            if self._words[event.start] in _ALTERNATIVES:
                return True
        return False

    def _conjunction(self, event: Event) -> None:
        self._joined = bool(self._open)
        if self._words[event.start] == "/":
            return
        self._gap = True
        if self._words[event.start] == "or":
            self._or = True
            return
        self._separated = True
        if self._closing:
            self._cue = Cue.NONE

    def _verb_read(self, event: Event) -> None:
        self._verb = True
        self._closing = self._closing or self._used

    def _whole(self, event: Event) -> None:
        """End a negation with the next comma ("no acute disease, ..."), but not a list of diagnoses."""
        self._used = True
        self._closing = self._closing or self._cue is Cue.NEGATIVE

    def _break(self, event: Event) -> None:
        self._end_clause()
        self._before = self._open[-1] if self._open else self._before
        self._start_clause(event.end)

    def _again(self, event: Event) -> None:
        """Take back what the clause before denied: "no effusion on the left, but there is one on the right"."""
        self._break(event)
        for claim in self._before:
            claim.value = POSITIVE

    def _soft_break(self, event: Event) -> None:
        self._add_each(self._organs.settle())
        self._cue = Cue.NONE
        self._gap = self._separated = True


def _before(cue: Cue) -> Callable[[Sentence, Event], None]:
    return lambda sentence, event: sentence._begin(cue)


def _behind(cue: Cue) -> Callable[[Sentence, Event], None]:
    return lambda sentence, event: sentence._after(cue, event)


_READERS: dict[str, Callable[[Sentence, Event], None]] = {
    "finding": Sentence._finding,
    "organ": Sentence._organ,
    "state": Sentence._state,
    "negative before": _before(Cue.NEGATIVE),
    "past before": _before(Cue.PAST),
    "uncertain before": _before(Cue.UNCERTAIN),
    "ignored before": _before(Cue.IGNORED),
    "unchanged before": _before(Cue.UNCHANGED),
    "likely": _before(Cue.NONE),
    "uncertain list": Sentence._begin_list,
    "uncertain adjective": Sentence._adjective,
    "negative after": _behind(Cue.NEGATIVE),
    "past after": _behind(Cue.PAST),
    "uncertain after": _behind(Cue.UNCERTAIN),
    "versus": Sentence._versus,
    "comma": Sentence._comma,
    "conjunction": Sentence._conjunction,
    "verb": Sentence._verb_read,
    "whole": Sentence._whole,
    "break": Sentence._break,
    "again": Sentence._again,
    "soft break": Sentence._soft_break,
    "opening": Sentence._soft_break,
    "neutral": lambda sentence, event: None,
}
"""How each kind of phrase is read."""
