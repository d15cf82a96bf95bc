"""Classification without training: the prompts that affirm an observation against those that deny it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from medxpert.data.zero_shot import prompts
from medxpert.evaluation.parts.classification import area_blocks, measure_areas
from medxpert.evaluation.parts.reference import reference_labels
from medxpert.evaluation.subject import GIVEN, PIXEL, Part, Subject
from medxpert.ontology import MISSING
from medxpert.text import normalise


def zero_shot(subject: Subject, seed: int = 0) -> Part | None:
    """Measure how well each contender's prompts tell the observations of a split's images.

    The reference is what the images show where a generator knows it, else the labels: unmentioned counts as negative,
    uncertain is left out. None without prompts or labels.

    Raises:
        DataError: counts or widths differ, or an embedding is not finite.
    """
    labels = reference_labels(subject.cases)
    contenders = [name for name in (PIXEL, *subject.stages) if name in subject.prompts]
    if subject.main not in contenders or not (labels != MISSING).any():
        return None
    scores = {name: prompt_scores(subject.vectors[name].image, subject.prompts[name]) for name in contenders}
    compared = (subject.starting, subject.main) if subject.starting in contenders else None
    figures = measure_areas(scores, labels, subject.cases.patient_ids, compared, seed)
    figures["prompts"] = seen = _seen_prompts(subject)
    told = (
        f"{seen['seen']} of {seen['sentences']} prompts stand in training reports" if seen["seen"] is not None else ""
    )
    blocks = area_blocks(figures, "zero-shot", contenders, subject.main, told)
    return Part(("zero_shot", subject.split), figures, tuple(blocks))


def _seen_prompts(subject: Subject) -> dict[str, int | None]:
    """Count our prompts, and those that stand word for word in a training report; null where that is unknown."""
    sentences = {normalise(sentence) for pair in prompts() for side in pair for sentence in side}
    if subject.train is None or subject.main == GIVEN or not subject.train.cases.is_reports:
        return {"sentences": len(sentences), "seen": None}
    read = " ".join({normalise(text) for text in subject.train.cases.texts})
    return {"sentences": len(sentences), "seen": sum(sentence in read for sentence in sentences)}


def prompt_scores(image: NDArray[np.floating], prompts: NDArray[np.floating]) -> NDArray[np.float32]:
    """Score images [N, D] by the positive less the negative prompt of each observation, [N, 14]."""
    contrast = prompts[:, 0].astype(np.float32) - prompts[:, 1].astype(np.float32)
    return np.asarray(image, np.float32) @ contrast.T
