"""From an image, a text or a question to similar cases, a checked report and a checked reply."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from medxpert.abstention.abstainer import Judgement
from medxpert.answer import Answer
from medxpert.comparison.course import changes
from medxpert.comparison.pair import Seen, check_pair
from medxpert.comparison.told import comparison_text
from medxpert.drafting import Compared, Drafting
from medxpert.evidence.rule import Rule
from medxpert.exchange import Captioner, Question, Reply
from medxpert.folders import MANIFEST, sha256
from medxpert.gathering import Evidence, Found
from medxpert.gating import Circumstances, Gate
from medxpert.images.errors import ImageError
from medxpert.indexes.gallery import DEFAULT_MATCH, Filter, Gallery, Match
from medxpert.looking import Look, Looking
from medxpert.models.inference import open_encoder
from medxpert.privacy import checked, strictest
from medxpert.provenance import code
from medxpert.querying import Query, disagreeing, text_query
from medxpert.questions.asked import understand
from medxpert.replying import Replying
from medxpert.reporters.template import TemplateReporter
from medxpert.reporting import Case
from medxpert.run import Run

_DISAGREEING = "The similar cases do not agree with the query about: {}."
_PRIOR_REFUSED = "The prior image was compared with nothing: {}"
_CANNOT_TELL = "Cannot tell from this image: {}"
_SENTENCES: dict[str, list[str]] = json.loads(files("medxpert").joinpath("limitations.json").read_text("utf-8"))
_EVERY = Filter()


class Shown(NamedTuple):
    """Which similar cases the user wants to see."""

    top_k: int = 5
    match: Match = DEFAULT_MATCH
    where: Filter = _EVERY


USUAL = Shown()


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
    ) -> None:
        self._run = run
        self._drafting = drafting
        self._replying = Replying(drafting.gate)
        self._query_policy = checked(policy)
        self._seen_policy = strictest([run.policy, captioner.policy] if captioner else [run.policy])
        self.policy = strictest([self._seen_policy, policy])
        self.encoder = open_encoder(run.model)
        self.gallery = Gallery(run, self.encoder.fingerprint)
        self.evidence = Evidence(run, self.gallery, rule or Rule())
        self._looking = Looking(self.encoder, self.evidence, captioner)

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
        question = understand(text)
        looked = self._looked(path, shown.where, prior)
        answer = self._about(looked, shown, Drafting(Gate(TemplateReporter())))
        if isinstance(looked, Look):
            return replace(answer, reply=_refusal(question, looked.judged.reason))
        courses = looked.compared.changes if looked.compared and looked.compared.changes else None
        reply = self._replying.reply(question, looked.case, self._circumstances(looked.query), courses)
        return replace(answer, reply=reply)

    def ask_text(self, text: str, shown: Shown = USUAL) -> Answer:
        """Find cases that fit a text: by their images, their texts, or the mean of both; report what they share.

        Raises:
            ConfigError: the text is empty, or top_k, match or filter cannot be honoured.
        """
        query = text_query(text).of_patient(shown.where.exclude_patient or "")
        vector = self.encoder.encode_texts([text])[0]
        found = self.evidence.of_text(vector, query.traces)
        denied = disagreeing(text, found.verdicts)
        judged = Judgement(False, _DISAGREEING.format(", ".join(denied)), None, None, True) if denied else None
        return self._about(self._known(query, vector, found, judged), shown, self._drafting)

    def _looked(self, path: Path, where: Filter, prior: Path | None) -> _Known | Look:
        """Look at an image and its prior; a look alone where it is none that the model knows."""
        patient_id = where.exclude_patient or ""
        now = self._looking.at(path, patient_id)
        if now.judged.refused:
            return now
        if prior is None:
            return self._known(now.query, now.vector, self._looking.found(now), now.judged, now.caption.text)
        before = self._looking.at(prior, patient_id)
        unsure = check_pair(_seen(now.query), _seen(before.query))
        now, before = now.beside(before), before.beside(now)
        found = self._looking.found(now)
        known = self._known(now.query, now.vector, found, now.judged, now.caption.text)
        if before.judged.refused:
            return replace(known, limitations=(*known.limitations, _PRIOR_REFUSED.format(before.judged.reason)))
        courses = changes(self._looking.found(before).verdicts, found.verdicts)
        compared = Compared(comparison_text(courses), courses)
        return replace(known, limitations=(*_SENTENCES["pair"], *known.limitations[1:], *unsure), compared=compared)

    def _known(
        self, query: Query, vector: NDArray[np.float32], found: Found, judged: Judgement | None, caption: str = ""
    ) -> _Known:
        case = Case(found.verdicts, found.hits, query.technique, query.text, caption, query.pixels)
        limitations = self._limitations(query)
        if judged is not None and judged.reason:
            limitations.append(judged.reason)
            case = replace(case, doubt=judged.reason if judged.doubtful else "")
        return _Known(query, vector, found, case, limitations)

    def _about(self, known: _Known | Look, shown: Shown, drafting: Drafting) -> Answer:
        query = known.query
        if isinstance(known, Look):
            judged = known.judged
            provenance = self._provenance() | {"abstention": {"score": judged.score, "threshold": judged.threshold}}
            report = drafting.abstained(judged.reason, query.technique, provenance)
            return Answer(query, shown.match, (), report, (), self.policy)
        hits = self.gallery.search(known.vector, *shown, query.traces)
        report = drafting.report(
            known.case, self._circumstances(query), known.limitations, self._provenance(), known.compared
        )
        return Answer(query, shown.match, hits, report, known.found.hits, self.policy)

    @property
    def dry_run(self) -> bool:
        """Whether what would be sent is only shown."""
        return self._drafting.gate.dry_run

    def tokens(self, paths: Sequence[Path]) -> int:
        """Estimate the tokens that one report takes, by the first image that can be read; 0 where nothing is sent."""
        for path in paths:
            try:
                known = self._looked(path, _EVERY, None)
            except ImageError:
                continue
            if isinstance(known, _Known):
                return self._drafting.gate.tokens(known.case, self._circumstances(known.query))
        return 0

    def made_with(self) -> dict[str, Any]:
        """Return what reports follow from beside the query."""
        return {**self._sources(), "policy": self.policy, **self._drafting.made_with()}

    def _circumstances(self, query: Query) -> Circumstances:
        return Circumstances(self._query_policy, self.gallery.policy, self._seen_policy, query.content, query.burned_in)

    def _sources(self) -> dict[str, Any]:
        folders = {"index_sha256": self._run.index, "calibration_sha256": self._run.calibration}
        captioner = self._looking.captioner
        return {
            "run": self._run.path.name,
            "encoder": self.encoder.fingerprint,
            "rule": asdict(self.evidence.rule),
            **{name: sha256(folder / MANIFEST) for name, folder in folders.items()},
            **({"captioner": captioner.model_id} if captioner else {}),
        }

    def _limitations(self, query: Query) -> list[str]:
        sources = ", ".join(sorted(set(self.gallery.cases.column("source")))) or "unknown"
        told = _SENTENCES["image" if query.pixels is not None else "text"]
        return [sentence.format(cases=len(self.gallery), sources=sources) for sentence in told]

    def _provenance(self) -> dict[str, Any]:
        return {
            **self._sources(),
            "index": self.gallery.made_by,
            "indexed": len(self.gallery),
            "policy": self.policy,
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            **code(),
        }


def _seen(query: Query) -> Seen:
    return Seen(query.header, query.traces.image_hash, query.name)


def _refusal(question: Question, reason: str) -> Reply:
    return Reply(question.text, _CANNOT_TELL.format(reason), None, (), False, "template", kind=question.kind)
