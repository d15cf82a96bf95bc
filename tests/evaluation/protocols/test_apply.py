import json

import numpy as np
import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from medxpert.config.schema import conf_folder
from medxpert.errors import ConfigError
from medxpert.evaluation.protocols.apply import apply, ordered
from medxpert.evaluation.protocols.classes import balanced
from medxpert.evaluation.subject import Vectors
from medxpert.metrics.ranking import Ranks, hits
from medxpert.metrics.retrieval import pair, rank_pairs, retrieval
from medxpert.ontology import OBSERVATIONS
from medxpert.tables.blocks import DASH

NUM = 150
CLASSES = ["Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Pleural Effusion"]


def preset(name, **options):
    loaded = OmegaConf.merge(OmegaConf.load(conf_folder() / "protocol" / f"{name}.yaml"), options)
    return instantiate(loaded, _convert_="all")


def noisy(seed, texts):
    """Images beside their texts; equal texts have one embedding."""
    generator = np.random.default_rng(seed)
    text = generator.standard_normal((len(texts), 8)).astype(np.float32)
    text = text[[texts.index(one) for one in texts]]
    return Vectors(text + generator.standard_normal(text.shape).astype(np.float32), text)


@pytest.fixture
def subject(make_subject):
    texts = [f"report {row // 2 if row % 3 else row}" for row in range(NUM)]
    names = np.random.default_rng(9).standard_normal((14, 2, 8)).astype(np.float32)
    return make_subject(
        NUM,
        {name: noisy(seed, texts) for seed, name in enumerate(("untrained", "adapted", "pixel", "oracle", "frequent"))},
        text=texts,
        labels=[{CLASSES[row % 5]: 1} for row in range(NUM)],
        prompts={"adapted": names, "untrained": names[::-1]},
        view=["LATERAL" if row % 15 == 14 else "AP" for row in range(NUM)],
        section=["impression"] * NUM,
    )


def cxr_clip_recall(image, text, texts, k):
    """Every image against the distinct texts; the place of the own one in the sorted list."""
    distinct = list(dict.fromkeys(texts))
    found = 0
    for row, own in enumerate(texts):
        scores = [image[row] @ text[texts.index(one)] for one in distinct]
        found += np.argsort(np.argsort(-np.array(scores)))[distinct.index(own)] < k
    return found / len(texts)


def naive_precision(scores, classes, k):
    """Mean share of the query's class among the first K, items of equal score in every order."""
    result = []
    for row, own in zip(scores, classes, strict=True):
        last = np.sort(row)[-k]
        above, tied = row > last, row == last
        share = (classes[tied] == own).mean() * (k - above.sum())
        result.append(((classes[above] == own).sum() + share) / k)
    return np.array(result)


def test_cxr_clip_like_its_definition(subject):
    part = apply(subject, preset("cxr_clip"))
    image, text = subject.vectors["adapted"]
    for k in (1, 5, 10):
        cell = part.figures["adapted"]["image_to_text"][f"recall@{k}"]
        assert cell["value"] == pytest.approx(cxr_clip_recall(image, text, subject.cases.texts, k))
    assert list(part.figures["adapted"]) == ["image_to_text"]


def test_medprobclip_like_its_definition(make_subject):
    subject = make_subject(NUM)
    part = apply(subject, preset("medprobclip"))
    assert part.figures["remarks"] == ["Which image stands for a study is not known."]
    scores = subject.vectors["model"].image @ subject.vectors["model"].text.T
    for direction, one in (("image_to_text", scores), ("text_to_image", scores.T)):
        places = np.nonzero(np.argsort(-one, axis=1) == np.arange(NUM)[:, None])[1]
        for k in (1, 5, 10, 100):
            assert part.figures["model"][direction][f"recall@{k}"]["value"] == pytest.approx(np.mean(places < k))
    assert part.figures["pool"] == {"image_to_text": NUM, "text_to_image": NUM}


@pytest.mark.parametrize(("name", "relevance"), [("cxr_clip", "deduplicated"), ("medprobclip", "identity")])
def test_like_our_own_figures_where_definitions_agree(subject, name, relevance):
    part = apply(subject, preset(name), seed=4)
    for contender in ("adapted", "pixel"):
        expected = retrieval(*subject.vectors[contender], subject.cases.texts, subject.cases.patient_ids, seed=4)
        for direction, cells in part.figures[contender].items():
            for metric, cell in cells.items():
                assert cell == pytest.approx(expected[direction][relevance][metric])
                assert part.figures["chance"][direction][metric] == pytest.approx(
                    expected["chance"][direction][relevance][metric]
                )


def test_ranks_at_hand_are_used(subject, monkeypatch):
    ranked = {name: rank_pairs(pair(*rows, subject.cases.texts)) for name, rows in subject.vectors.items()}
    expected = apply(subject, preset("medprobclip"))
    monkeypatch.setattr("medxpert.evaluation.protocols.apply.rank_pairs", None)
    assert apply(subject, preset("medprobclip"), ranked=ranked).figures == expected.figures


def test_views_that_the_protocol_does_not_take_neither_ask_nor_answer(subject):
    part = apply(subject, preset("medprobclip", view="frontal"))
    frontal = np.arange(NUM) % 15 != 14
    texts = [text for text, keep in zip(subject.cases.texts, frontal, strict=True) if keep]
    patients = np.array(subject.cases.patient_ids)[frontal]
    expected = retrieval(*(side[frontal] for side in subject.vectors["adapted"]), texts, patients)
    assert part.figures["pool"]["image_to_text"] == part.figures["queries"]["image_to_text"] == 140
    found = part.figures["adapted"]["text_to_image"]["recall@5"]
    assert found == pytest.approx(expected["text_to_image"]["identity"]["recall@5"])
    assert "140 of 150 studies are frontal." in part.blocks[0].note


def test_chexpert_5x200_like_its_definition(subject):
    chexpert = preset("chexpert_5x200", cutoffs=[5, 10, 50])
    part = apply(subject, chexpert)
    rows, classes, per_class = balanced(subject.cases, chexpert)
    assert (per_class, part.figures["pool"]) == (20, {"image_to_text": 100})
    image, text = (side[rows] for side in subject.vectors["adapted"])
    for k in (5, 10, 50):
        found = part.figures["adapted"]["image_to_text"][f"precision@{k}"]["value"]
        assert found == pytest.approx(naive_precision(image @ text.T, classes, k).mean())
    columns = np.unique(classes)
    similarities = image @ subject.prompts["adapted"][columns, 0].T
    similarities = (similarities - similarities.mean(axis=0)) / similarities.std(axis=0)
    found = part.figures["adapted"]["image_to_text"]["accuracy"]["value"]
    assert found == pytest.approx(np.mean(columns[similarities.argmax(axis=1)] == classes))


def test_order_of_ties():
    ranks = Ranks(*(np.array([one]) for one in (2, 5, 2, 2)), pool=20)
    found = {ties: hits(ordered(ranks, ties), [3, 6])[0].tolist() for ties in ("optimistic", "expected", "pessimistic")}
    assert found["optimistic"] == [1, 1]
    assert found["expected"] == pytest.approx([2 / 5, 1])
    assert found["pessimistic"] == [0, 1]


def test_ties_of_a_constant_embedding(make_subject):
    flat = Vectors(np.ones((40, 3), np.float32), np.ones((40, 3), np.float32))
    subject = make_subject(40, {"model": flat})
    values = [
        apply(subject, preset("medprobclip", ties=ties)).figures["model"]["image_to_text"]["recall@10"]["value"]
        for ties in ("optimistic", "expected", "pessimistic")
    ]
    assert values == pytest.approx([1, 0.25, 0])


def test_tables(subject):
    part = apply(subject, preset("medprobclip"))
    names = ["chance", "most frequent", "pixel baseline", "untrained", "adapted", "oracle ceiling"]
    assert [row.name for row in part.blocks[0].rows] == names
    assert part.blocks[0].columns == ("R@1", "R@5", "R@10", "R@100")
    assert "Deviation" not in part.blocks[0].note
    assert "arXiv:2602.16019" in part.blocks[0].note
    assert "A study is one image, a frontal one where it has any." in part.blocks[0].note
    assert "ties: not stated" in part.blocks[0].note
    assert part.blocks[1].note == "150 queries, pool 150."
    assert part.place == ("protocol", "MedProbCLIP", "test")
    json.dumps(part.figures, allow_nan=False)


def test_cutoffs_beyond_the_pool_are_left_out(make_subject):
    part = apply(make_subject(30), preset("medprobclip"))
    assert part.blocks[0].columns == ("R@1", "R@5", "R@10")


@pytest.mark.parametrize("name", ["medprobclip", "mimic_5x200"])
def test_a_pool_smaller_than_every_cutoff(subject, name):
    with pytest.raises(
        ConfigError, match=r"protocol.cutoffs: expected a number up to the pool of 150, found \[1000\];"
    ):
        apply(subject, preset(name, cutoffs=[1000]))


def test_accuracy_only_where_there_are_prompts(subject, make_subject):
    mimic = preset("mimic_5x200")
    part = apply(subject, mimic)
    rows = {row.name: row.cells for row in part.blocks[0].rows}
    assert part.blocks[0].columns == ("P@1", "P@5", "P@10", "accuracy")
    assert rows["chance"][3].value == "20.0"
    assert rows["oracle ceiling"][3].value == DASH
    assert rows["adapted"][3].interval
    assert part.blocks[1].columns == ("P@1", "P@5", "P@10")
    assert part.figures["remarks"][0].startswith("30 studies each of Cardiomegaly, Edema, Consolidation")
    assert "not 200: the rarest class has no more" in part.blocks[0].note
    assert "Deviation: embedded are impression of 150 studies." in part.blocks[0].note
    without = make_subject(NUM, labels=[{CLASSES[row % 5]: 1} for row in range(NUM)])
    assert apply(without, mimic).blocks[0].columns == ("P@1", "P@5", "P@10")


def test_precision_and_accuracy_of_the_whole_set(subject):
    part = apply(subject, preset("mimic_5x200"))
    classes = np.array([OBSERVATIONS.index(CLASSES[row % 5]) for row in range(NUM)])
    image, text = subject.vectors["adapted"]
    for direction, scores in (("image_to_text", image @ text.T), ("text_to_image", text @ image.T)):
        assert scores.shape == (NUM, NUM)
        found = part.figures["adapted"][direction]["precision@10"]["value"]
        assert found == pytest.approx(naive_precision(scores, classes, 10).mean())
    columns = np.unique(classes)
    guessed = columns[(image @ subject.prompts["adapted"][columns, 0].T).argmax(axis=1)]
    found = part.figures["adapted"]["image_to_text"]["accuracy"]
    assert found["value"] == pytest.approx(np.mean(guessed == classes))
    assert found["low"] < found["value"] < found["high"]
    assert part.figures["chance"]["image_to_text"] == pytest.approx(
        {"precision@1": 0.2, "precision@5": 0.2, "precision@10": 0.2, "accuracy": 0.2}
    )
