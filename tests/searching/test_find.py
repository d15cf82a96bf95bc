"""Cases for an image, a text or both: the assistant's numbers, each text once, nothing of the query's own patient."""

import math

import numpy as np
import pytest

from medxpert.assistant import Assistant, Shown
from medxpert.drafting import Drafting
from medxpert.errors import ConfigError
from medxpert.gating import Gate
from medxpert.indexes.filter import Filter
from medxpert.reporters.template import TemplateReporter
from medxpert.run import open_run
from medxpert.searching.find import Searching, between


def ids(found):
    return [hit.study_id for hit in found.hits]


def test_an_image_and_a_text_alone_find_what_the_assistant_finds(project, monkeypatch):
    monkeypatch.chdir(project)
    run = open_run("latest")
    assistant = Assistant(run, Drafting(Gate(TemplateReporter())))
    searching = Searching(assistant.encoder, assistant.gallery, assistant.evidence)
    shown, sample = Shown(7, "image", Filter(view="PA")), run.path / "samples" / "sample_3.png"

    by_text, by_image = assistant.ask_text("left effusion", shown), assistant.ask_image(sample, shown)

    assert by_image.hits
    assert searching.find(None, "left effusion", 0.5, *shown).hits == by_text.hits
    found = searching.find(sample, "", 0.5, *shown)
    assert found.hits == by_image.hits
    assert found.present == [one.observation for one in by_image.report.findings if one.status != "absent"]


def test_both_find_what_lies_between(encoder, gallery, picture):
    searching = Searching(encoder, gallery)
    for weight, first in ((1.0, "a"), (0.0, "c"), (0.1, "c"), (0.7, "d")):
        assert ids(searching.find(picture, "effusion", weight, 2, "image"))[0] == first, weight
    middle = searching.find(picture, "effusion", 0.5, 1, "image")
    assert middle.vector == pytest.approx([math.cos(0.5), math.sin(0.5)], abs=1e-6)
    assert (middle.weight, middle.text, middle.policy) == (0.5, "effusion", "private")
    assert middle.name == f"{picture} + effusion"


def test_a_weight_is_of_no_account_without_the_other(encoder, gallery, picture):
    searching = Searching(encoder, gallery)
    assert searching.find(None, "effusion", 0.9).weight == 0
    assert searching.find(picture, " ", 0.1).weight == 1


def test_the_query_s_own_patient_is_never_found(encoder, gallery, picture):
    searching = Searching(encoder, gallery)
    where = Filter(exclude_patient="p1")
    for image, text in ((picture, ""), (None, "x"), (picture, "x")):
        assert sorted(ids(searching.find(image, text, 0.5, 5, "image", where))) == ["c", "d", "e"]


def test_the_patient_of_an_indexed_image_is_known_by_it(encoder, gallery, picture):
    searching, own = Searching(encoder, gallery), picture.rename(picture.with_name("b.png"))
    for text in ("", "x"):
        assert sorted(ids(searching.find(own, text, 0.5, 5, "image"))) == ["c", "d", "e"]
    assert searching.find(own, "", 1, 5, "text", distinct=True).studies == {"d": 1, "e": 1, "c": 1}


def test_each_text_stands_once_with_its_studies(encoder, gallery, picture):
    searching = Searching(encoder, gallery)
    found = searching.find(picture, "", 1, 3, "text", distinct=True)
    assert [(hit.rank, hit.study_id) for hit in found.hits] == [(1, "a"), (2, "e"), (3, "c")]
    assert found.studies == {"a": 3, "e": 1, "c": 1}
    filtered = searching.find(picture, "", 1, 3, "text", Filter(view="PA", policy="open"), True)
    assert filtered.studies == {"a": 2, "c": 1}
    assert searching.find(picture, "", 1, 3, "text", Filter(exclude_patient="p1"), True).studies["d"] == 1


def test_scores_are_the_same_with_each_text_once(encoder, gallery, picture):
    searching = Searching(encoder, gallery)
    every = {hit.study_id: hit.score for hit in searching.find(picture, "", 1, 5, "text").hits}
    for hit in searching.find(picture, "", 1, 3, "text", distinct=True).hits:
        assert hit.score == every[hit.study_id]


def test_the_policy_is_the_strictest(encoder, gallery):
    assert Searching(encoder, gallery, policy="open").find(None, "x").policy == "credentialed"


class Refusing:
    """Evidence that knows no image and says nothing of a text."""

    @property
    def abstainer(self):
        return self

    def judge(self, pixels, vector):
        assert vector == pytest.approx([1, 0])
        return type("Judged", (), {"refused": True, "reason": "no radiograph"})

    def of_text(self, vector, traces):
        return type("Told", (), {"verdicts": ()})


@pytest.mark.parametrize("evidence", [Refusing(), None])
def test_an_image_of_another_kind_finds_nothing(encoder, gallery, picture, evidence):
    found = Searching(encoder, gallery, evidence).find(picture, "")
    assert bool(found.hits) is (evidence is None)
    assert (found.judged is not None) is (evidence is not None)


def test_beside_a_text_an_image_of_another_kind_is_left_out(encoder, gallery, picture):
    found = Searching(encoder, gallery, Refusing()).find(picture, "effusion", 0.7)
    alone = Searching(encoder, gallery).find(None, "effusion")
    assert found.judged.refused
    assert found.hits == alone.hits
    assert (found.weight, list(found.present)) == (0, [])
    own = picture.rename(picture.with_name("b.png"))
    assert set(ids(Searching(encoder, gallery, Refusing()).find(own, "x", 0.5, 5))) == {"c", "d", "e"}


def test_an_image_without_weight_is_not_judged(encoder, gallery, picture):
    found = Searching(encoder, gallery, Refusing()).find(picture, "effusion", 0.0)
    assert found.judged is None
    assert found.hits


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"text": " "}, "empty"),
        ({"weight": 1.1}, r"weight=1\.1: expected"),
        ({"weight": -0.1}, "weight"),
        ({"top_k": 0}, "top_k=0"),
        ({"match": "sound"}, "match=sound"),
        ({"where": Filter(view="LATERAL")}, "no indexed case passes filter.view=LATERAL"),
    ],
)
def test_what_cannot_be_honoured_is_told(encoder, gallery, change, message):
    with pytest.raises(ConfigError, match=message):
        Searching(encoder, gallery).find(**({"image": None, "text": "x"} | change))


def test_nothing_lies_between_opposites():
    row = np.array([1, 0], np.float32)
    with pytest.raises(ConfigError, match="opposites"):
        between(row, -row, 0.5)
    assert between(row, -row, 1) is row
