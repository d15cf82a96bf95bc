import numpy as np
import pytest

from medxpert.errors import DataError
from medxpert.evaluation.protocols.classes import accuracy, balanced, precisions
from medxpert.evaluation.protocols.protocol import STATEMENTS, Protocol
from medxpert.ontology import OBSERVATIONS

CLASSES = ["Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Pleural Effusion"]


def protocol(**options):
    stated = dict.fromkeys(STATEMENTS, "not stated")
    fixed = {"name": "5x", "source": "us", "stated": stated, "positives": "class", "classes": CLASSES}
    return Protocol(**fixed | options)


def studies(each, *others):
    return [{name: 1, "Lung Lesion": 0} for name in CLASSES for _ in range(each)] + list(others)


def test_each_class_alone(make_subject):
    crossed = {"Edema": 1, "Cardiomegaly": 1}
    interleaved = [{CLASSES[row % 5]: 1} for row in range(28 * 5)]
    subject = make_subject(28 * 5 + 3, labels=[*interleaved, crossed, {"No Finding": 1}, {}])
    rows, classes, per_class = balanced(subject.cases, protocol(per_class=25))
    assert per_class == 25
    assert len(set(rows.tolist())) == 125
    assert rows.max() < 28 * 5
    assert np.array_equal(np.array([OBSERVATIONS.index(CLASSES[row % 5]) for row in rows]), classes)


@pytest.mark.parametrize(
    ("other", "options", "taken"),
    [
        ({"Pneumonia": 1}, {}, False),
        ({"Support Devices": 1}, {}, False),
        ({"Pneumonia": 1}, {"alone_among": "classes"}, True),
        ({"Edema": 1}, {"alone_among": "classes"}, False),
        ({"Edema": -1}, {}, False),
        ({"Edema": -1}, {"uncertain": "negative"}, True),
        ({"Pneumonia": -1}, {"alone_among": "classes"}, True),
        ({"No Finding": 1}, {}, True),
        ({"Edema": 0}, {}, True),
        ({"Atelectasis": -1}, {"uncertain": "negative"}, False),
        ({"Atelectasis": -1}, {}, False),
    ],
)
def test_what_keeps_a_study_out(make_subject, other, options, taken):
    labels = studies(20)
    labels[0] = {"Atelectasis": 1} | other
    subject = make_subject(100, labels=labels)
    if taken:
        assert 0 in balanced(subject.cases, protocol(**options)).rows
    else:
        with pytest.raises(DataError, match="found 19 of Atelectasis"):
            balanced(subject.cases, protocol(**options))


def test_the_rarest_class_sets_the_number(make_subject):
    labels = studies(40)
    labels[:15] = [{}] * 15
    found = balanced(make_subject(200, labels=labels).cases, protocol())
    assert found.per_class == 25
    assert np.bincount(found.classes)[[OBSERVATIONS.index(name) for name in CLASSES]].tolist() == [25] * 5


def test_views_come_first(make_subject):
    views = ["PA", "LATERAL"] * 100
    found = balanced(make_subject(200, labels=studies(40), view=views).cases, protocol(view="frontal"))
    assert found.per_class == 20
    assert set(found.rows % 2) == {0}


def test_no_labels(make_subject):
    with pytest.raises(DataError, match=r"needs labels of Atelectasis, .*found none in the column labels"):
        balanced(make_subject(4).cases, protocol())


def naive_precision(scores, classes, k):
    """Share of the same class in the first K of a sorted list."""
    top = np.argsort(-scores, axis=1)[:, :k]
    return (classes[top] == classes[:, None]).sum(axis=1) / k


def test_precision_like_the_definition():
    generator = np.random.default_rng(0)
    classes = np.repeat([OBSERVATIONS.index(name) for name in CLASSES], 20)
    image, text = generator.standard_normal((2, 100, 8))
    image += generator.standard_normal((14, 8))[classes]
    text += image
    found = precisions(image, text, classes, protocol(cutoffs=[1, 5, 10, 200]))
    assert list(found.values) == ["precision@1", "precision@5", "precision@10"]
    for k in (1, 5, 10):
        assert found.values[f"precision@{k}"] == pytest.approx(naive_precision(image @ text.T, classes, k))
        assert found.chance[f"precision@{k}"] == pytest.approx(0.2)


def test_a_constant_embedding_is_at_chance():
    classes = np.repeat([1, 2, 4], 10)
    found = precisions(np.ones((30, 3)), np.ones((30, 3)), classes, protocol(cutoffs=[5]))
    assert found.values["precision@5"] == pytest.approx(1 / 3)
    assert accuracy(np.ones((30, 3)), np.ones((14, 2, 3)), classes, protocol()) == pytest.approx(1 / 3)
    standardised = protocol(standardised=True)
    assert accuracy(np.ones((30, 3)), np.ones((14, 2, 3)), classes, standardised) == pytest.approx(1 / 3)


@pytest.mark.parametrize("standardised", [False, True])
def test_accuracy_like_the_definition(standardised):
    generator = np.random.default_rng(1)
    columns = [OBSERVATIONS.index(name) for name in CLASSES]
    classes = np.repeat(columns, 20)
    prompts = generator.standard_normal((14, 2, 8))
    image = generator.standard_normal((100, 8)) + prompts[classes, 0]
    scores = np.stack([image @ prompts[column, 0] for column in columns], axis=1)
    if standardised:
        scores = (scores - scores.mean(axis=0)) / scores.std(axis=0)
    expected = np.array(columns)[scores.argmax(axis=1)] == classes
    assert 0.2 < expected.mean() < 1
    assert accuracy(image, prompts, classes, protocol(standardised=standardised)).tolist() == expected.tolist()
