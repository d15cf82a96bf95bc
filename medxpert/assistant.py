"""From an image, a text or a question to similar cases, a checked report and a checked reply."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from medxpert.abstention.abstainer import Judgement
from medxpert.answer import Answer
from medxpert.comparison.course import changes
from medxpert.comparison.pair import Seen, check_pair
from medxpert.comparison.told import comparison_text
from medxpert.drafting import Compared, Drafting, build_vocabularies
from medxpert.evidence.rule import Rule
from medxpert.exchange import Captioner, Question, Reply
from medxpert.gathering import Evidence, Found
from medxpert.gating import Circumstances, Gate
from medxpert.images.errors import ImageError
from medxpert.indexes.filter import Filter
from medxpert.indexes.gallery import Gallery
from medxpert.indexes.writing import DEFAULT_MATCH, Match
from medxpert.looking import Look, Looking
from medxpert.models.encoders.exported import ExportedEncoder
from medxpert.models.inference import open_encoder
from medxpert.origin import PAIR, Origin
from medxpert.privacy import checked, strictest
from medxpert.querying import Query, as_sentence, disagreeing, text_query
from medxpert.questions.asked import understand
from medxpert.replying import Replying
from medxpert.reporters.template import TemplateReporter
from medxpert.reporting import Case
from medxpert.run import Run

_DISAGREEING = "The similar cases do not agree with the query about: {}."
_PRIOR_REFUSED = "The prior image was compared with nothing: {}"
_CANNOT_TELL = "Cannot tell from this image: {}"
_EVERY = Filter()


class Shown(NamedTuple):
    """Which similar cases the user wants to see."""

    top_k: int = 5
    match: Match = DEFAULT_MATCH
    where: Filter = _EVERY


USUAL = Shown()
Opening = Callable[[Path], ExportedEncoder]


def _silent(stage: str) -> None:
    pass


@dataclass(frozen=True)
class _Known:
    """What is known of a query before anything is written about it."""

    query: Query
    vector: NDArray[np.float32]
    found: Found
    case: Case
    limitations: Sequence[str]
    compared: Compared | None = None


class Assistant:
    """Answers queries against one run.

    Args:
        run: what to search.
        drafting: has the report written.
        rule: from evidence to words.
        policy: of the images and texts that are asked about.
        captioner: writes captions of images; None for none.
        opened: opens the folder of the run's model; None for the encoder that has nothing to load.

    Raises:
        ConfigError: there is no such policy.
        DataError: the run's model, index or calibration is damaged, or they do not belong together.
    """

    def __init__(
        self,
        run: Run,
        drafting: Drafting,
        rule: Rule | None = None,
        policy: str = "private",
        captioner: Captioner | None = None,
        opened: Opening | None = None,
    ) -> None:
        self._run = run
        self._drafting = drafting
        self._replying = Replying(drafting.gate)
        self._query_policy = checked(policy)
        self._seen_policy = strictest([run.policy, captioner.policy] if captioner else [run.policy])
        self.policy = strictest([self._seen_policy, policy])
        self.encoder = (opened or open_encoder)(run.model)
        self.gallery = Gallery(run, self.encoder.fingerprint)
        self.evidence = Evidence(run, self.gallery, rule or Rule())
        self._looking = Looking(self.encoder, self.evidence, captioner)
        self._origin = Origin(run, self.gallery, self.evidence.rule, self.encoder, captioner)
        self._say: Callable[[str], None] = _silent

    def under(self, policy: str, say: Callable[[str], None] = _silent) -> Assistant:
        """Return this assistant for images and texts of another policy; all that is opened is shared.

        Args:
            policy: of what will be asked about.
            say: is told in a few words what is done next.

        Raises:
            ConfigError: there is no such policy.
        """
        self.gallery.permit(policy)
        other = copy(self)
        other._query_policy, other._say = checked(policy), say
        other.policy = strictest([self._seen_policy, policy])
        return other

    def ask_image(self, path: Path, shown: Shown = USUAL, prior: Path | None = None) -> Answer:
        """Find cases like an image: by their images, their texts, or the mean of both; report on it.

        Cases of the image's own patient are neither shown nor evidence, as far as path, pixels or header tell. An
        image that is none of those the model knows gets no report.

        Args:
            path: of the image.
            shown: which similar cases.
            prior: an earlier image of the same patient, to compare with.

        Raises:
            ImageError: an image cannot be read.
            DataError: the two images cannot be compared.
            ConfigError: top_k, match or filter cannot be honoured.
        """
        return self._about(self._looked(path, shown.where, prior), shown, self._drafting)

    def ask_question(self, path: Path, text: str, shown: Shown = USUAL, prior: Path | None = None) -> Answer:
        """Answer a question about an image; the report beside the reply is the offline reporter's.

        Raises:
            ImageError: an image cannot be read.
            DataError: the two images cannot be compared.
            ConfigError: the question is empty, too long or not English, or top_k, match or filter cannot be honoured.
        """
        question, looked = understand(text), self._looked(path, shown.where, prior)
        answer = self._about(looked, shown, Drafting(Gate(TemplateReporter())))
        if isinstance(looked, Look):
            return replace(answer, reply=_refusal(question, looked.judged.reason))
        courses = looked.compared.changes if looked.compared and looked.compared.changes else None
        self._say("answering the question")
        reply = self._replying.reply(question, looked.case, self._circumstances(looked.query), courses)
        return replace(answer, reply=reply)

    def ask_text(self, text: str, shown: Shown = USUAL) -> Answer:
        """Find cases that fit a text: by their images, their texts, or the mean of both; report what they share.

        Raises:
            ConfigError: the text is empty, or top_k, match or filter cannot be honoured.
        """
        query = text_query(text).of_patient(shown.where.exclude_patient or "")
        vector = self.encoder.encode_texts([as_sentence(text)])[0]
        found = self.evidence.of_text(vector, query.traces)
        denied = disagreeing(text, found.verdicts)
        judged = Judgement(False, _DISAGREEING.format(", ".join(denied)), None, None, True) if denied else None
        return self._about(self._known(query, vector, found, judged), shown, self._drafting)

    def _looked(self, path: Path, where: Filter, prior: Path | None) -> _Known | Look:
        """Look at an image and its prior; a look alone where it is none that the model knows."""
        patient_id = where.exclude_patient or ""
        self._say("looking at the image")
        build_vocabularies()
        now = self._looking.at(path, patient_id)
        if now.judged.refused:
            return now
        self._say("weighing the evidence of similar cases")
        if prior is None:
            return self._known(now.query, now.vector, self._looking.found(now), now.judged, now.caption.text)
        self._say("comparing with the earlier image")
        before = self._looking.at(prior, patient_id)
        unsure = check_pair(_seen(now.query), _seen(before.query))
        now, before = now.beside(before), before.beside(now)
        found = self._looking.found(now)
        known = self._known(now.query, now.vector, found, now.judged, now.caption.text)
        if before.judged.refused:
            return replace(known, limitations=(*known.limitations, _PRIOR_REFUSED.format(before.judged.reason)))
        courses = changes(self._looking.found(before).verdicts, found.verdicts)
        compared = Compared(comparison_text(courses), courses)
        return replace(known, limitations=(*PAIR, *known.limitations[1:], *unsure), compared=compared)

    def _known(
        self, query: Query, vector: NDArray[np.float32], found: Found, judged: Judgement | None, caption: str = ""
    ) -> _Known:
        case = Case(found.verdicts, found.hits, query.technique, query.text, caption, query.pixels)
        limitations = self._origin.limitations(query.pixels is not None)
        if judged is not None and judged.reason:
            limitations.append(judged.reason)
            case = replace(case, doubt=judged.reason if judged.doubtful else "")
        return _Known(query, vector, found, case, limitations)

    def _about(self, known: _Known | Look, shown: Shown, drafting: Drafting) -> Answer:
        query = known.query
        provenance = self._origin.provenance(self.policy)
        if isinstance(known, Look):
            judged = known.judged
            provenance["abstention"] = {"score": judged.score, "threshold": judged.threshold}
            report = drafting.abstained(judged.reason, query.technique, provenance)
            return Answer(query, shown.match, (), report, (), self.policy)
        hits = self.gallery.search(known.vector, *shown, query.traces)
        self._say("writing and checking the report")
        report = drafting.report(known.case, self._circumstances(query), known.limitations, provenance, known.compared)
        return Answer(query, shown.match, hits, report, known.found.hits, self.policy)

    @property
    def dry_run(self) -> bool:
        """Whether what would be sent is only shown."""
        return self._drafting.gate.dry_run

    def tokens(self, paths: Sequence[Path]) -> int:
        """Estimate the tokens that one report takes, by the first image that can be read; 0 where nothing is sent."""
        for path in paths:
            with suppress(ImageError):
                known = self._looked(path, _EVERY, None)
                if isinstance(known, _Known):
                    return self._drafting.gate.tokens(known.case, self._circumstances(known.query))
        return 0

    def made_with(self) -> dict[str, Any]:
        """Return what reports follow from beside the query."""
        return {**self._origin.sources(), "policy": self.policy, **self._drafting.made_with()}

    def _circumstances(self, query: Query) -> Circumstances:
        return Circumstances(self._query_policy, self.gallery.policy, self._seen_policy, query.content, query.burned_in)


def _seen(query: Query) -> Seen:
    return Seen(query.header, query.traces.image_hash, query.name)


def _refusal(question: Question, reason: str) -> Reply:
    return Reply(question.text, _CANNOT_TELL.format(reason), None, (), False, "template", kind=question.kind)
