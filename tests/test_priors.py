import pytest

from medxpert.priors import without_prior
from medxpert.text import without_priors

CHANGED = [
    ("Compared with the prior study from ___, there is a new left effusion.", "There is a left effusion."),
    (
        "In comparison with the study of ___, the cardiac silhouette remains enlarged.",
        "The cardiac silhouette is enlarged.",
    ),
    ("As seen on the prior study, there is scarring.", "There is scarring."),
    ("Unchanged cardiomegaly.", "Cardiomegaly."),
    ("There is an unchanged nodule in the left lung.", "There is a nodule in the left lung."),
    ("There is a new effusion.", "There is an effusion."),
    ("Again seen is a right PICC.", "There is a right PICC."),
    ("Again noted are bilateral effusions.", "There are bilateral effusions."),
    ("The right PICC is again seen.", "The right PICC is seen."),
    ("There is a new right PICC.", "There is a right PICC."),
    ("Interval increase in left effusion.", "Left effusion."),
    ("There has been interval increase in the left effusion since the previous radiograph.", "Left effusion."),
    ("There has been no development of edema.", "No edema."),
    ("No interval change in the diffuse markings.", "Diffuse markings."),
    ("The left effusion has worsened.", "The left effusion is present."),
    ("Bilateral opacities have increased.", "Bilateral opacities are present."),
    ("Pulmonary edema has improved since ___.", "Pulmonary edema is present."),
    ("Previously seen right effusion has resolved.", "Right effusion is not seen."),
    ("The pneumothorax is no longer seen.", "The pneumothorax is not seen."),
    ("The heart size is stable, and there is a small left effusion.", "There is a small left effusion."),
    (
        "The heart size and contour are stable and within normal limits.",
        "The heart size and contour are within normal limits.",
    ),
    ("The heart remains enlarged.", "The heart is enlarged."),
    ("Lungs remain clear.", "Lungs are clear."),
    ("No new consolidation.", "No consolidation."),
    ("ET tube is unchanged in position.", "ET tube is present."),
    ("Position of the ET tube is unchanged.", "ET tube is present."),
    ("Pacemaker in stable position.", "Pacemaker in place."),
    ("Moderate cardiomegaly, unchanged.", "Moderate cardiomegaly."),
    ("Moderate cardiomegaly is unchanged from the prior study.", "Moderate cardiomegaly."),
    ("Mild kyphosis similar to the prior exam.", "Mild kyphosis."),
    ("Heart size is top normal, unchanged since ___.", "Heart size is top normal."),
    ("Since the prior radiograph, there has been interval placement of a right chest tube.", "Right chest tube."),
    ("There is persistent bibasilar atelectasis.", "There is bibasilar atelectasis."),
    ("A new opacity has developed.", "An opacity is present."),
    ("Slightly improved left effusion.", "Left effusion."),
    ("Overall stable small right pneumothorax compared to ___.", "Small right pneumothorax."),
    ("There is still a small effusion.", "There is a small effusion."),
    ("Redemonstrated severe fracture.", "Severe fracture."),
    ("Stable exam with no edema.", "No edema."),
    ("2. Unchanged hilar mass.", "2. Hilar mass."),
    ("The prior tube has been removed. Lungs are clear.", "Lungs are clear."),
    ("stable scarring", "Scarring"),
]

VANISHING = [
    "No significant interval change.",
    "There is no change.",
    "As compared to the previous radiograph, no relevant change.",
    "In comparison with the study of ___, there is little overall change.",
    "Comparison is made to the study of ___.",
    "The prior study is not available for comparison.",
    "Stable appearance of the chest.",
    "The cardiomediastinal silhouette is unchanged.",
    "1. Stable heart size.",
    "Left PICC has been removed.",
    "Improved aeration.",
    "Stable.",
]

KEPT = [
    "The patient is clinically stable.",
    "A hemodynamically stable patient.",
    "Status post prior sternotomy.",
    "Patient has had prior CABG and prior granulomatous disease.",
    "Old rib fractures are noted.",
    "Changes of previous surgery.",
    "Chronic interstitial changes.",
    "New York Heart Association class II.",
    "Symptoms of new onset.",
    "Increased opacity at the left base.",
    "There is enlargement of the heart.",
    "No pneumothorax.",
    "An MRI and an hourly film, hepatitis A and a unit.",
    "Unstable spine.",
    "",
]


@pytest.mark.parametrize(("text", "expected"), CHANGED)
def test_comparison_goes_and_the_finding_stays(text, expected):
    assert without_priors(text) == expected
    assert without_priors(expected) == expected


@pytest.mark.parametrize("text", VANISHING)
def test_a_sentence_that_only_compares_vanishes(text):
    assert without_priors(text) == ""
    assert without_priors(f"No edema. {text} Clear lungs.") == "No edema. Clear lungs."


@pytest.mark.parametrize("text", KEPT)
def test_what_is_old_without_comparison_stays(text):
    assert without_priors(text) == text
    assert without_prior(text) == text


def test_articles_that_nothing_happened_to_stay():
    assert without_priors("There is an MRI safe and a new unit.") == "There is an MRI safe and a unit."
