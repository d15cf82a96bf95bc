import importlib.util
from pathlib import Path

import pytest

from medxpert.labeler import label_report, label_reports, mentions
from medxpert.ontology import NO_FINDING, OBSERVATIONS
from medxpert.phantom.patients import draw_patient

ROOT = Path(__file__).parents[1]
REPORTS = ROOT.parent / "shared" / "cxr" / "NLMCXR_reports.tgz"


def said(text, convention="clinical"):
    return {name: value for name, value in label_report(text, convention).items() if value is not None}


@pytest.mark.parametrize(
    ("text", "name", "clinical", "chexpert"),
    [
        ("Left effusion. No right effusion.", "Pleural Effusion", 1, 1),
        ("Left effusion. Possible right effusion.", "Pleural Effusion", 1, 1),
        ("No right effusion. Possible left effusion.", "Pleural Effusion", -1, -1),
        ("Left effusion. No right effusion. Possible loculated effusion.", "Pleural Effusion", 1, -1),
        ("Congestive heart failure.", "Cardiomegaly", None, -1),
        ("Possible CHF.", "Cardiomegaly", None, -1),
        ("No heart failure.", "Cardiomegaly", None, None),
        ("Cardiomegaly with heart failure.", "Cardiomegaly", 1, 1),
        ("Heart size is normal. Heart failure.", "Cardiomegaly", 0, -1),
        ("Congestive heart failure.", "Edema", 1, 1),
        ("Vascular congestion.", "Edema", -1, -1),
        ("Pneumonia.", "Lung Opacity", None, None),
        ("Consolidation.", "Lung Opacity", None, None),
        ("Mediastinal silhouette is enlarged.", "Enlarged Cardiomediastinum", 1, 1),
        ("Cardiac silhouette is enlarged.", "Enlarged Cardiomediastinum", None, None),
        ("Normal contours.", "Enlarged Cardiomediastinum", 0, 0),
    ],
)
def test_conventions(text, name, clinical, chexpert):
    assert label_report(text)[name] == clinical
    assert label_report(text, "chexpert")[name] == chexpert


@pytest.mark.parametrize("convention", ["clinical", "chexpert"])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("No acute cardiopulmonary abnormality.", 1),
        ("Normal chest.", 1),
        ("Lungs are clear.", 1),
        ("PICC in place. No effusion.", 1),
        ("Scoliosis of the thoracic spine.", 1),
        ("Possible effusion.", None),
        ("Mild cardiomegaly.", None),
        ("No effusion. Small nodule.", None),
    ],
)
def test_no_finding_where_nothing_but_devices_is_found(text, expected, convention):
    assert label_report(text, convention)[NO_FINDING] == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n\t",
        "___",
        "___ ___\n___",
        "x",
        "7",
        "?",
        "XXXX XXXX.",
        "\x00\ufffd\ud83d",
        "Sin derrame pleural ni edema. La silueta cardiaca es de tamaño normal y los pulmones no muestran infiltrado.",
        "INDICATION: pneumonia.",
        "Stable.",
    ],
)
@pytest.mark.parametrize("convention", ["clinical", "chexpert"])
def test_a_text_that_says_nothing_has_no_label(text, convention):
    assert label_report(text, convention) == dict.fromkeys(OBSERVATIONS)
    assert mentions(text) == []


@pytest.mark.parametrize(
    "piece",
    [
        "no effusion ",
        "possible edema, ",
        "heart ",
        "INDICATION: ",
        "1. ",
        "\n",
        "?",
        "a",
        "enlarged (",
        "no change in ",
    ],
)
def test_a_megabyte_is_read(piece):
    assert list(label_report(piece * (1_000_000 // len(piece)))) == list(OBSERVATIONS)


def test_names_stand_in_their_order_and_reports_in_theirs():
    texts = ["No effusion.", "", "Edema."]
    assert label_reports(iter(texts), "chexpert") == [label_report(text, "chexpert") for text in texts]
    assert list(label_report("Edema.")) == list(OBSERVATIONS)


def test_another_convention_is_refused():
    with pytest.raises(KeyError, match="radiology"):
        label_report("No effusion.", "radiology")


def test_mentions_point_into_the_text():
    text = "INDICATION: edema.\nFINDINGS: No pleural  EFFUSION. Mild Cardiomegaly, possible nodule."
    found = [(m.observation, m.value, text[m.start : m.end]) for m in mentions(text)]
    assert found == [
        ("Pleural Effusion", 0, "pleural  EFFUSION"),
        ("Cardiomegaly", 1, "Cardiomegaly"),
        ("Lung Lesion", -1, "nodule"),
    ]
    assert mentions(text)[1].sentence == "Mild Cardiomegaly, possible nodule"


def test_phantom_reports_are_read_as_meant():
    agreed = total = 0
    for patient in range(150):
        for study in draw_patient(0, patient):
            found = said(f"{study.report.findings.text}\n\n{study.report.impression.text}")
            meant = study.report.labels
            names = {*found, *meant}
            agreed += sum(found.get(name) == meant.get(name) for name in names)
            total += len(names)
    assert agreed / total > 0.97


@pytest.fixture
def scoring():
    spec = importlib.util.spec_from_file_location("score", ROOT / "experiments" / "labeler" / "score.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        (["normal"], {NO_FINDING: 1}),
        (["Scoliosis/thoracic vertebrae/mild", "Calcified Granuloma"], {NO_FINDING: 1}),
        (["Catheters, Indwelling/right"], {"Support Devices": 1, NO_FINDING: 1}),
        (["Cardiomegaly/borderline"], {"Cardiomegaly": -1}),
        (["Cardiomegaly/borderline", "Cardiac Shadow/enlarged"], {"Cardiomegaly": 1}),
        (["Cicatrix/lung/base/left"], {"Lung Opacity": 1}),
        (["Cicatrix/pleura/right"], {"Pleural Other": 1}),
        (["Density/lung/round"], {"Lung Opacity": 1, "Lung Lesion": 1}),
        (["Density/ribs/right/round"], {NO_FINDING: 1}),
        (["Hydropneumothorax/left"], {"Pneumothorax": 1, "Pleural Effusion": 1}),
    ],
)
def test_human_terms_become_labels(scoring, terms, expected):
    assert scoring.human_labels(terms, scoring.mapping()) == expected


@pytest.mark.shared
@pytest.mark.skipif(not REPORTS.is_file(), reason=f"no reports at {REPORTS}")
def test_held_out_reports_agree_with_the_human_terms(scoring):
    convention, _, counted = scoring.READINGS[0]
    cases = scoring.read_half(REPORTS, "held_out").cases
    scores = scoring.judged(scoring.score(cases, convention, counted))
    assert len(cases) == 1921
    assert len(scores) == 11
    assert sum(row.f1 for row in scores.values()) / len(scores) >= 0.85
    assert min(row.f1 for row in scores.values()) >= 0.70


@pytest.mark.parametrize(
    "text",
    [
        "Kein Pneumothorax. Kein Erguss.",
        "Pas de pneumothorax.",
        "Sin derrame pleural. Cardiomegalia leve.",
        "Nessun edema.",
    ],
)
def test_a_short_denial_in_another_language_is_no_finding_of_ours(text):
    assert set(label_report(text).values()) == {None}
