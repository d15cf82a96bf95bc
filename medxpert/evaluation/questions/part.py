"""Questions about one split of a run, asked, answered and measured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from medxpert.cases import Cases
from medxpert.comparison.course import changes
from medxpert.errors import ConfigError
from medxpert.evaluation.questions.answered import Answerer, answer_all, true_verdicts
from medxpert.evaluation.questions.layout import blocks
from medxpert.evaluation.questions.record import ASKED, FIGURES, write_asked, write_figures
from medxpert.evaluation.questions.score import score
from medxpert.evaluation.subject import Part, Subject
from medxpert.evidence.rule import Rule
from medxpert.exchange import Question, Reply
from medxpert.folders import verified
from medxpert.gathering import Evidence
from medxpert.indexes.gallery import Gallery
from medxpert.indexes.own import Traces
from medxpert.phantom.facts import Film, films_of
from medxpert.phantom.look import LOOKS
from medxpert.phantom.questions import AskedPhantom, ask
from medxpert.privacy import strictest
from medxpert.questions.asked import understand
from medxpert.questions.reply import reply
from medxpert.reporting import Change, Verdict
from medxpert.run import Run

_VALIDATION, _TRAIN = "val", "train"


def questions_of(run: Run, rule: Rule, folder: Path, seed: int, subject: Subject) -> Part:
    """Ask what the phantom knows of a split, have it answered from the evidence, and measure the answers.

    Args:
        run: calibrated.
        rule: from evidence to words.
        folder: for the question set and the figures as CSV.
        seed: of the questions and of the bootstrap draws.
        subject: the split, placed by the run's weights.

    Raises:
        ConfigError: nobody knows the truth of these studies, they were trained on, or a file cannot be written.
        DataError: the run's index or calibration is damaged or missing.
    """
    films, look = _films(subject.cases, subject.split)
    asked = ask(films, look, seed)
    gallery = Gallery(run, verified(run.index)["encoder"], as_trained=True)
    traces = [Traces(patient_ids=(patient,)) for patient in subject.cases.patient_ids]
    found = Evidence(run, gallery, rule).of_images(subject.vectors[subject.main].image, traces)
    verdicts = {study: one.verdicts for study, one in zip(subject.cases.study_ids, found, strict=True)}
    answerer = Answerer(understand, _reply, changes)
    ours = answer_all(asked, verdicts, answerer)
    told = answer_all(asked, {film.study_id: true_verdicts(film) for film in films}, answerer)
    figures = score(ours, told, _known(run, look, seed), seed)
    policy = strictest({run.policy, *subject.cases.column("policy")})
    write_asked(folder / ASKED, subject.split, ours, policy)
    write_figures(folder / FIGURES, subject.split, figures, policy)
    return Part(("questions", subject.split), figures, tuple(blocks(figures)))


def check_askable(run: Run, split: str) -> None:
    """Fail before anything else is measured where nobody can ask about a split.

    Raises:
        ConfigError: as `questions_of`, or the run holds no such split.
    """
    _films(run.embeddings(split).cases, split)


def _reply(question: Question, verdicts: tuple[Verdict, ...], changes: Sequence[Change] | None) -> Reply:
    return reply(question, verdicts, changes)


def _films(cases: Cases, split: str) -> tuple[list[Film], str]:
    """Return the studies as their generator knows them, and their look."""
    if split == _TRAIN:
        raise ConfigError("questions=true asks about studies that nobody trained on; choose split=test or split=val")
    truths = [truth for truth in cases.truths if truth and truth["image"].get("look") in LOOKS]
    if not truths or len(truths) < len(cases):
        told = f"{len(truths)} of the {len(cases)} studies of split={split} are phantom studies"
        raise ConfigError(f"questions=true needs studies whose truth is known: {told}; leave it out, or data=phantom")
    return films_of(cases.study_ids, cases.patient_ids, truths), truths[0]["image"]["look"]


def _known(run: Run, look: str, seed: int) -> Sequence[AskedPhantom]:
    """Ask about validation patients in the same wordings."""
    if _VALIDATION not in run.splits():
        return ()
    films, _ = _films(run.embeddings(_VALIDATION).cases, _VALIDATION)
    return ask(films, look, seed)
