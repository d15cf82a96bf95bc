import json

import numpy as np
import pytest

from medxpert.evaluation.parts.strata import strata
from medxpert.metrics.retrieval import pair, rank_pairs, retrieval
from medxpert.ontology import PATHOLOGIES

NUM = 100
POSITIVE = [{"Edema": 1}, {"No Finding": 1}, {"Edema": 0}, {}]


@pytest.fixture
def subject(make_subject):
    return make_subject(
        NUM,
        labels=[POSITIVE[row % 4] for row in range(NUM)],
        view=["PA"] * 45 + ["AP"] * 30 + ["LATERAL"] * 5 + [""] * 20,
        section=["findings"] * 90 + ["impression"] * 10,
        text=[f"report {row // 2}" for row in range(NUM)],
        truncated=np.arange(NUM) < 50,
    )


@pytest.fixture
def ranked(subject):
    return rank_pairs(pair(*subject.vectors["model"], subject.cases.texts))


def test_figures_are_those_of_an_evaluation_of_the_stratum(subject, ranked):
    figures = strata(subject, ranked, 3).figures
    groups = {
        ("view", "AP"): np.array(subject.cases.column("view")) == "AP",
        ("labels", "abnormal"): subject.cases.abnormal,
        ("text", "cut short"): subject.truncated,
    }
    for (group, name), studies in groups.items():
        expected = retrieval(
            *subject.vectors["model"], subject.cases.texts, subject.cases.patient_ids, studies, (1, 5, 10), seed=3
        )
        found = figures[group][name]
        assert found["queries"] == studies.sum()
        for direction in ("image_to_text", "text_to_image"):
            for relevance in ("identity", "deduplicated"):
                for metric, cell in found[direction][relevance].items():
                    assert cell == pytest.approx(expected[direction][relevance][metric])
                    assert found["chance"][direction][relevance][metric] == pytest.approx(
                        expected["chance"][direction][relevance][metric]
                    )


def test_what_is_shown_and_what_is_left_out(subject, ranked):
    part = strata(subject, ranked)
    names = [row.name for row in part.blocks[0].rows]
    assert names == [
        "labels normal",
        "labels abnormal",
        "labels other",
        "view PA",
        "view AP",
        "view unknown",
        "text whole",
        "text cut short",
    ]
    assert part.figures["left_out"] == [
        "view LATERAL (5)",
        "section impression (10)",
        "section findings (alone)",
        "source made (alone)",
    ]
    assert "view LATERAL (5)" in part.blocks[0].note
    assert part.place == ("strata", "test")
    assert part.blocks[0].rows[3].cells[0].value == "45"
    assert part.blocks[0].rows[3].cells[1].value == "10.0"
    assert part.blocks[0].columns == ("queries", "chance", "R@1", "R@10")
    assert "normal: No Finding, or every pathology denied; other: neither" in part.blocks[0].note
    json.dumps(part.figures, allow_nan=False)


def test_studies_without_labels_are_neither_normal_nor_abnormal(subject, ranked):
    labels = strata(subject, ranked).figures["labels"]
    assert {name: one["queries"] for name, one in labels.items()} == {"normal": 25, "abnormal": 25, "other": 25}


def test_normal_is_what_is_known_to_be(make_subject):
    every = dict.fromkeys(PATHOLOGIES, 0)
    normal = [{"No Finding": 1, "Support Devices": 1}, every, every | {"Support Devices": 1}]
    other = [{"Edema": 0}, {"No Finding": 0}, {"Support Devices": 1}, dict(list(every.items())[1:])]
    subject = make_subject(140, labels=20 * [*normal, *other])
    groups = strata(subject, rank_pairs(pair(*subject.vectors["model"], subject.cases.texts))).figures["labels"]
    assert {name: one["queries"] for name, one in groups.items()} == {"normal": 60, "other": 80}


def test_nothing_to_tell_apart(make_subject):
    subject = make_subject(30)
    assert strata(subject, rank_pairs(pair(*subject.vectors["model"], subject.cases.texts))) is None
