"""From a run folder to its figures, tables, plots, list of answers and page."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from medxpert.cases import Cases
from medxpert.errors import ConfigError
from medxpert.evaluation.baselines import oracle_vectors, pixel_vectors
from medxpert.evaluation.console import show
from medxpert.evaluation.observations import evaluate_observations
from medxpert.evaluation.page import write_page
from medxpert.evaluation.plots import write_plots
from medxpert.evaluation.record import METRICS, TOP_K, write_answers, write_metrics
from medxpert.evaluation.result import ADAPTED, ORACLE, PIXEL, SplitResult, Vectors
from medxpert.evaluation.split import evaluate_split
from medxpert.folders import verified
from medxpert.run import Embeddings, Run
from medxpert.words import Stage

PLOTS, PAGE = "plots", "report.html"
_TRAIN = "train"


def evaluate_run(run: Run, split: str, seed: int = 0) -> SplitResult:
    """Measure a complete run on one split, print the tables and write everything into the run.

    Args:
        run: with provenance.
        split: one that both the starting and the adapted weights embedded.
        seed: of the bootstrap draws.

    Raises:
        ConfigError: the split was not embedded, or a file cannot be written.
        DataError: the run is damaged.
    """
    if seed < 0:
        raise ConfigError(f"seed={seed} must be at least 0")
    result = measure_run(run, split, run.provenance["starting_stage"], seed)
    looks = write_metrics(run.path / METRICS, result, run.policy, looked=split == "test")
    write_answers(run.path / TOP_K, result, run.policy)
    write_plots(run.path / PLOTS, result, run.policy)
    write_page(run.path / PAGE, result, run.provenance, run.path / PLOTS)
    told = [f"Look {looks} at {split} with this run; choose on val."] if looks else []
    show(result, run.policy, [*told, *(str(run.path / name) for name in (METRICS, TOP_K, PLOTS, PAGE))])
    return result


def measure_run(run: Run, split: str, starting: Stage, seed: int = 0) -> SplitResult:
    """Measure one split, writing nothing; the run need not be complete.

    Args:
        run: with embeddings, and prompts where texts were written from labels.
        split: one that both the starting and the adapted weights embedded.
        starting: stage of the weights that training started from.
        seed: of the bootstrap draws.

    Raises:
        ConfigError: the split was not embedded.
        DataError: the run is damaged.
    """
    adapted = run.embeddings(split)
    if not (run.path / "embeddings" / split / "start_image.npy").is_file():
        raise ConfigError(f"split={split}: the starting weights did not embed it; choose split=val or split=test")
    start, cases = run.embeddings(split, starting=True), adapted.cases
    vectors: dict[str, Vectors] = {starting: _vectors(start), ADAPTED: _vectors(adapted)}
    if set(cases.column("section")) == {"prompt"}:
        verified(run.path / "prompts")
        prompts: dict[str, NDArray[np.float16]] = {
            stage: np.load(run.path / "prompts" / name)
            for stage, name in ((starting, "start_prompts.npy"), (ADAPTED, "prompts.npy"))
        }
        return evaluate_observations(split, cases, starting, vectors, prompts, seed)
    return evaluate_split(split, cases, starting, vectors | _baselines(run, cases), seed)


def _vectors(embeddings: Embeddings) -> Vectors:
    return Vectors(embeddings.image, embeddings.text)


def _baselines(run: Run, cases: Cases) -> dict[str, Vectors]:
    """Place the studies by pixels where there are training studies, and by the truth where it is known."""
    found: dict[str, Vectors] = {}
    if _TRAIN in run.splits():
        found[PIXEL] = pixel_vectors(run.embeddings(_TRAIN).cases, cases)
    oracle = oracle_vectors(cases)
    return found | {ORACLE: oracle} if oracle else found
