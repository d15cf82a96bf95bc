import pytest

from medxpert.data import prompts
from medxpert.data.prompts import prompt
from medxpert.ontology import OBSERVATIONS


def wordings(labels):
    return {prompt(labels, str(key)) for key in range(60)}


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"Pleural Effusion": 1, "Cardiomegaly": 1, "Edema": 0}, "Cardiomegaly and pleural effusion."),
        ({"Mass": 1, "Nodule": 1, "Pneumonia": 1}, "Lung mass, pulmonary nodule and pneumonia."),
        ({"Effusion": 1, "Pleural Effusion": 1}, "Pleural effusion."),
        ({"Edema": 1, "Pneumonia": -1, "Fracture": -1}, "Pulmonary edema. Possible pneumonia or fracture."),
        ({"No Finding": 1, "Support Devices": 1}, "Support devices."),
        ({"No Finding": 1, "Edema": 0}, "Normal chest radiograph."),
        ({"Edema": 0, "Fracture": 0, "No Finding": 0}, "No pulmonary edema or fracture."),
        ({"Pleural_Thickening": 1}, "Pleural thickening."),
    ],
)
def test_says_what_the_labels_say(labels, expected):
    assert expected in wordings(labels)


@pytest.mark.parametrize("labels", [{}, {"No Finding": 0}])
def test_nothing_to_say(labels):
    assert wordings(labels) == {""}


def test_a_label_without_a_phrase_is_not_called_normal(monkeypatch):
    monkeypatch.setitem(prompts._words(), "phrases", {})
    assert prompt({"Edema": 1}, "s1") == ""


def test_few_wordings_chosen_by_the_key():
    labels = {"Edema": 1}
    assert len(wordings(labels)) == 3
    assert prompt(labels, "s1") == prompt(labels, "s1")
    assert prompt({"Edema": 1, "Fracture": 1}, "s1") == prompt({"Fracture": 1, "Edema": 1}, "s1")


@pytest.mark.parametrize("name", OBSERVATIONS)
def test_every_observation_has_a_phrase(name):
    assert prompt({name: 1}, "s1")
