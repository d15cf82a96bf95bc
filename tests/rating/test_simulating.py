"""Simulated readers rate as they are told to, so that the analysis finds what is known."""

from medxpert.rating.analysis import analyse
from medxpert.rating.design import Plan
from medxpert.rating.simulating import simulate


def test_every_figure_says_that_its_readers_are_no_people(studies, made):
    plan = Plan("x", num_cases=2, sources=("reference", "assistant"))
    study = studies.open(studies.create(plan, made(2), "", simulated=True).key)
    simulate(studies, study.key, {"reference": 1.0, "assistant": -1.0}, readers=1)

    assert analyse(studies.rated(study.key), study, draws=5).notes[0].startswith("SIMULATED")


def test_the_analysis_finds_the_effects(studies, draft):
    study = studies.open(draft(num_cases=8, repeat_share=0.25).key)
    simulate(studies, study.key, {"reference": 1.0, "assistant": -1.0}, readers=2, seed=1, missing=0.5)
    rated = studies.rated(study.key)
    found = {one.outcome: one for one in analyse(rated, study, draws=20).differences}

    assert [one.done for one in studies.progress(study.key)] == [20, 10]
    assert found["correctness"].difference["high"] < 0
    assert found["harm"].difference["low"] > 0
