import re

import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from medxpert.config.schema import conf_folder
from medxpert.errors import ConfigError, DataError
from medxpert.evaluation.protocols.protocol import STATEMENTS, Protocol, deviations, viewed

PRESETS = sorted(path.stem for path in (conf_folder() / "protocol").glob("*.yaml"))
STATED = dict.fromkeys(STATEMENTS, "not stated")


def protocol(**options):
    return Protocol(**{"name": "Ours", "source": "us", "stated": STATED, "positives": "identity"} | options)


def preset(name):
    return instantiate(OmegaConf.load(conf_folder() / "protocol" / f"{name}.yaml"), _convert_="all")


def test_the_presets_are_there():
    assert PRESETS == ["chexpert_5x200", "cxr_clip", "medprobclip", "mimic_5x200"]


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_states_everything_and_its_source(name):
    found = preset(name)
    statement = found.statement()
    assert found.source in statement
    assert all(f"{key}: {found.stated[key]}" in statement for key in STATEMENTS)
    assert found.here
    assert f"Here: {found.here}." in statement
    assert re.search(r"arXiv|ICCV|EMNLP", found.source)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stated": {"pool": "all"}}, "protocol.stated: expected pool positives section view ties, found ['pool']"),
        ({"directions": []}, "protocol.directions: expected one or both directions, found []"),
        ({"cutoffs": [0, 5]}, "protocol.cutoffs: expected numbers from 1, found [0, 5]"),
        ({"cutoffs": []}, "protocol.cutoffs: expected numbers from 1, found []"),
        ({"classes": ["Oedem"]}, "protocol.classes: expected names of observations but No Finding, found ['Oedem']"),
        ({"classes": ["Edema", "No Finding"]}, "names of observations but No Finding, found ['No Finding']"),
        ({"classes": ["Edema", "Fracture"]}, "protocol.classes: expected two or more with positives=class, else none"),
        ({"positives": "class", "classes": ["Edema"]}, "expected two or more with positives=class, else none"),
        ({"per_class": 0}, "protocol.per_class: expected a number from 1, found 0; change protocol.per_class="),
        (
            {"positives": "class", "classes": ["Edema", "Fracture"], "ties": "optimistic"},
            "protocol.ties: expected expected with positives=class, found optimistic",
        ),
    ],
)
def test_what_no_protocol_can_be(options, message):
    with pytest.raises(ConfigError, match=re.escape(message)) as caught:
        protocol(**options)
    assert "\n" not in str(caught.value)


def test_frontal_views(make_subject):
    cases = make_subject(6, view=["PA", "LATERAL", "ap", "", None, "PA"]).cases
    assert viewed(cases, protocol(view="frontal")).tolist() == [0, 2, 5]
    assert viewed(cases, protocol()).tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(("views", "found"), [(["", None], "found none"), (["LATERAL", ""], "found LATERAL, none")])
def test_no_frontal_view(make_subject, views, found):
    with pytest.raises(DataError, match=f"takes frontal views.*{found} in the column view"):
        viewed(make_subject(2, view=views).cases, protocol(view="frontal"))


@pytest.mark.parametrize(
    ("section", "sections", "said"),
    [
        ("longest", ["findings", "impression", "findings"], []),
        ("findings", ["findings"] * 3, []),
        (
            "findings",
            ["findings", "impression", "findings"],
            ["Deviation: embedded are findings of 2 studies, impression of 1 studies."],
        ),
        ("both", ["findings"] * 3, ["Deviation: embedded are findings of 3 studies."]),
        ("impression", ["", None, ""], ["Deviation: embedded are unknown of 3 studies."]),
        ("findings_first", ["prompt", "findings", "findings"], None),
    ],
)
def test_another_section_is_a_deviation(make_subject, section, sections, said):
    _, *found = deviations(make_subject(3, section=sections).cases, protocol(section=section))
    assert len(found) == 1 if said is None else found == said


def test_prompts_are_no_reports(make_subject):
    cases = make_subject(3, section=["prompt"] * 3).cases
    with pytest.raises(DataError, match=r"retrieves reports .*only prompts written from labels"):
        deviations(cases, protocol())
    assert len(deviations(cases, protocol(positives="class", classes=["Edema", "Fracture"]))) == 2


def test_which_image_stands_for_a_study_is_said(make_subject):
    assert deviations(make_subject(3).cases, protocol()) == ["A study is one image, a frontal one where it has any."]
    found = deviations(make_subject(3, images=[1, 2, 2]).cases, protocol())
    assert found == ["A study is the mean of its images, 5 of 3 studies."]
