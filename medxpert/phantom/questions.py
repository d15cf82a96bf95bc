"""Questions about phantom studies with exact answers, balanced so that the words alone never tell the answer.

Questions come in rounds: one of each answer, and one without any, all in the same words. So each answer is equally
frequent for every observation and template, and for every wording.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, zip_longest
from typing import NamedTuple, TypeVar

import numpy as np

from medxpert.exchange import Asked
from medxpert.ontology import NO_FINDING, OBSERVATIONS, PATHOLOGIES
from medxpert.phantom.facts import GRADES, Film, Findings, course_of, grade_of, graded, pairs_of, side_of, sided
from medxpert.phantom.look import DEFAULT, LOOKS
from medxpert.phantom.wording import Wording
from medxpert.reporting import Course, Side

MOST = 60
"""Rounds of one observation and form, all sides and grades together: no observation outweighs the others."""
MOST_OPEN, MOST_OTHER = 200, 100
"""Open questions, and those about nothing that a radiograph tells, by reason."""
COUNTS = range(4)
"""Numbers of pathologies that are asked for; more are rare."""
SIDES: tuple[Side, ...] = ("left", "right", "bilateral")
COURSES: tuple[Course, ...] = ("new", "resolved", "worse", "better", "unchanged")
BASELESS: Mapping[Asked, str] = {"side": "side of what is absent", "severity": "severity of what is absent"}
NO_PRIOR = "no prior"
"""These reasons why a question has no answer do not show in its words; the others are keys of the wordings."""

T = TypeVar("T")


class _Pair(NamedTuple):
    """What a question is about: one study, and the one before it where the question needs it."""

    film: Film
    prior: Film | None = None


@dataclass(frozen=True, slots=True)
class AskedPhantom:
    """One question and its exact answer.

    Attributes:
        prior_id: the study that it is compared with; "" for none.
        kind: what the words ask for; "other" is nothing that a radiograph can tell.
        observation: that it is about; "" where it is about all or none.
        side, severity: that it names; "" for none.
        template: the sentence that it was made from; questions of one template differ in nouns, sides and grades.
        answer: as `exchange.Reply.value`; of an open question the pathologies, joined by "; ".
        share: of this answer among the studies that the question fits, which balance hides; 0 where there is none.
        answerable: whether the image, with the prior where there is one, answers it.
        reason: why not; "" where it does.
    """

    study_id: str
    patient_id: str
    prior_id: str
    question: str
    kind: Asked
    observation: str
    side: str
    severity: str
    template: str
    answer: str
    share: float = 0.0
    answerable: bool = True
    reason: str = ""


_Pools = Mapping[str, Sequence[Sequence[_Pair]]]
"""Answer -> sources of what it is right for; they take turns."""


class _Form(NamedTuple):
    """One way to ask for one thing."""

    kind: Asked
    name: str
    """Key of the wordings."""
    observation: str = ""
    side: str = ""
    severity: str = ""


def ask(films: Sequence[Film], look: str = DEFAULT.name, seed: int = 0) -> tuple[AskedPhantom, ...]:
    """Ask as many questions about studies as balance permits.

    Args:
        films: each patient's in order of time; every earlier one may be the prior of a later one.
        look: key of `LOOKS`, in whose wordings.
        seed: of what is asked about which study.
    """
    return tuple(_Asker(films, look, seed).all())


class _Asker:
    """Makes one set of questions."""

    def __init__(self, films: Sequence[Film], look: str, seed: int) -> None:
        self._films = list(films)
        self._wording = Wording(look)
        self._rng = np.random.default_rng((seed, *LOOKS[look].stream))

    def all(self) -> Iterator[AskedPhantom]:
        yield from self._normal()
        yield from chain.from_iterable(self._presence(name) for name in OBSERVATIONS if name != NO_FINDING)
        yield from chain.from_iterable(map(self._sided, sided()))
        yield from chain.from_iterable(map(self._graded, graded()))
        yield from self._count()
        yield from chain.from_iterable(map(self._change, PATHOLOGIES))
        yield from self._open()
        yield from chain.from_iterable(map(self._other, self._wording.reasons))

    def _normal(self) -> Iterator[AskedPhantom]:
        clean = [_Pair(film) for film in self._films if not film.findings]
        ill = [_Pair(film) for film in self._films if film.pathologies]
        return self._rounds(_Form("presence", "normal", NO_FINDING), {"yes": [clean], "no": [ill]})

    def _presence(self, name: str) -> Iterator[AskedPhantom]:
        return self._yes_no(_Form("presence", "presence", name), bool)

    def _sided(self, name: str) -> Iterator[AskedPhantom]:
        for side in SIDES[:2]:
            form = _Form("presence", "presence_side", name, side)
            yield from self._yes_no(form, partial(_is_on, side), 2)
        yield from self._rounds(_Form("side", "side", name), self._by(name, side_of))

    def _graded(self, name: str) -> Iterator[AskedPhantom]:
        for grade in GRADES:
            form = _Form("presence", "presence_severity", name, severity=grade)
            yield from self._yes_no(form, partial(_is_graded, grade), 3)
        yield from self._rounds(_Form("severity", "severity", name), self._by(name, grade_of))

    def _count(self) -> Iterator[AskedPhantom]:
        pools = {count: [_Pair(film) for film in self._films if len(film.pathologies) == count] for count in COUNTS}
        return self._rounds(_Form("count", "count"), {str(count): [pairs] for count, pairs in pools.items()})

    def _yes_no(self, form: _Form, holds: Callable[[Findings], bool], ways: int = 1) -> Iterator[AskedPhantom]:
        """Ask whether a test holds; half of the "no" are of films that show the observation in another way, if any."""
        yes: list[_Pair] = []
        otherwise: list[_Pair] = []
        absent: list[_Pair] = []
        for film in self._films:
            if film.is_clear(form.observation):
                found = film.shown(form.observation)
                (absent if not found else yes if holds(found) else otherwise).append(_Pair(film))
        return self._rounds(form, {"yes": [yes], "no": [otherwise, absent]}, ways)

    def _by(self, name: str, answer: Callable[[Findings], str]) -> _Pools:
        """Group films by the answer that they give; "" is of those that do not show the observation."""
        pools: dict[str, list[list[_Pair]]] = {}
        for film in self._films:
            found = film.shown(name)
            if film.is_clear(name) and (answer(found) or not found):
                pools.setdefault(answer(found), [[]])[0].append(_Pair(film))
        return pools

    def _change(self, name: str) -> Iterator[AskedPhantom]:
        """Ask for the course; half of the "unchanged" are of films that do not show the observation, if possible."""
        pools: dict[str, list[list[_Pair]]] = {course: [[], []] for course in COURSES}
        for before, now in pairs_of(self._films):
            if before.is_clear(name) and now.is_clear(name):
                course = course_of(before.shown(name), now.shown(name))
                if course:
                    pools[course][not (before.shown(name) or now.shown(name))].append(_Pair(now, before))
        alone = {"": [[_Pair(film) for film in self._films if film.is_clear(name)]]}
        known = {course: pairs for course, pairs in pools.items() if any(pairs)}
        return self._rounds(_Form("change", "change", name), known | alone)

    def _open(self) -> Iterator[AskedPhantom]:
        for turn, film in enumerate(self._shuffled(self._films)[:MOST_OPEN]):
            yield self._asked(_Form("open", "open"), _Pair(film), "; ".join(film.pathologies), turn)

    def _other(self, reason: str) -> Iterator[AskedPhantom]:
        for turn, film in enumerate(self._shuffled(self._films)[:MOST_OTHER]):
            yield self._asked(_Form("other", reason), _Pair(film), "", turn)

    def _rounds(self, form: _Form, pools: _Pools, ways: int = 1) -> Iterator[AskedPhantom]:
        """Ask in rounds until an answer has no more films; nothing where there is only one answer."""
        if len(pools.keys() - {""}) < 2:
            return
        turns = [zip_longest(*map(self._shuffled, sources)) for sources in pools.values()]
        drawn = [[pair for pairs in turn for pair in pairs if pair] for turn in turns]
        sizes = {answer: len(pairs) for answer, pairs in zip(pools, drawn, strict=True) if answer}
        shares = {answer: size / max(sum(sizes.values()), 1) for answer, size in sizes.items()}
        for turn, pairs in zip(range(MOST // ways), zip(*drawn, strict=False), strict=False):
            for answer, pair in zip(pools, pairs, strict=True):
                yield self._asked(form, pair, answer, turn, shares.get(answer, 0.0))

    def _asked(self, form: _Form, pair: _Pair, answer: str, turn: int, share: float = 0.0) -> AskedPhantom:
        number, question = self._wording.question(*form, turn)
        reason = form.name if form.kind == "other" else BASELESS.get(form.kind, NO_PRIOR)
        reason = "" if answer or form.kind == "open" else reason
        return AskedPhantom(
            study_id=pair.film.study_id,
            patient_id=pair.film.patient_id,
            prior_id=pair.prior.study_id if pair.prior else "",
            question=question,
            kind=form.kind,
            observation=form.observation,
            side=form.side,
            severity=form.severity,
            template=f"{form.name} {number}",
            answer=answer,
            share=round(share, 4),
            answerable=not reason,
            reason=reason,
        )

    def _shuffled(self, items: Sequence[T]) -> list[T]:
        return [items[place] for place in self._rng.permutation(len(items))]


def _is_on(side: str, findings: Findings) -> bool:
    return side_of(findings) in (side, "bilateral")


def _is_graded(grade: str, findings: Findings) -> bool:
    return grade_of(findings) == grade
