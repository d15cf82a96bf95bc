"""A reader study from its draw to its analysis, with simulated readers.

$ python experiments/reader_study/simulate.py

Their ratings are drawn around effects that are stated here; they say nothing of any report. What can be learnt is
whether the analysis finds what was put in, and how many cases and readers a study needs.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from medxpert.app.studying.originals import reader_of
from medxpert.assistant import Assistant
from medxpert.drafting import Drafting
from medxpert.gating import Gate
from medxpert.rating import exporting
from medxpert.rating.analysis import analyse
from medxpert.rating.design import Plan
from medxpert.rating.drawing import Drawing
from medxpert.rating.simulating import simulate
from medxpert.rating.store import Studies
from medxpert.reporters.template import TemplateReporter
from medxpert.run import open_run

EFFECTS = {"reference": 1.2, "assistant": 0.3, "nearest": -0.4}
"""Quality of each source, in levels from the middle of a scale."""


def main() -> None:
    """Draw, rate, analyse, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", default="latest")
    parser.add_argument("--cases", type=int, default=24)
    parser.add_argument("--readers", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--missing", type=float, default=0.2, help="share that the last reader does not rate")
    parser.add_argument("--folder", type=Path, default=Path("outputs/reader_study_simulated"))
    told = parser.parse_args()
    run = open_run(told.run)
    assistant = Assistant(run, Drafting(Gate(TemplateReporter())), policy=run.policy)
    studies = Studies(told.folder)
    plan = Plan("Simulated readers", num_cases=told.cases, seed=told.seed)
    key = studies.create(plan, Drawing(run, assistant, reader_of(run.path)), "simulate.py", simulated=True).key
    studies.open(key)
    simulate(studies, key, EFFECTS, told.readers, told.seed, told.missing)
    study = studies.close(key)
    rated = studies.rated(key)
    analysis = analyse(rated, study)
    page = exporting.analysis_markdown(study, analysis)
    for name, text in {
        "ratings.csv": exporting.ratings_csv(study, rated),
        "design.json": exporting.design_json(study),
        "key.json": exporting.key_json(study),
        "analysis.json": exporting.analysis_json(study, analysis),
        "analysis.md": page,
    }.items():
        (told.folder / name).write_text(text, encoding="utf-8")
    sys.stdout.write(page)


if __name__ == "__main__":
    main()
