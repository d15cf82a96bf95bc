import pytest

from medxpert.checker.reading import Claim, read


@pytest.mark.parametrize(
    ("text", "claims"),
    [
        (
            "Pulmonary edema and a large right effusion.",
            [Claim("Edema", "present"), Claim("Pleural Effusion", "present", "right", "severe")],
        ),
        (
            "Cardiomegaly, small left effusion and a right pneumothorax.",
            [
                Claim("Cardiomegaly", "present"),
                Claim("Pleural Effusion", "present", "left", "mild"),
                Claim("Pneumothorax", "present", "right"),
            ],
        ),
        (
            "Effusion on the left and atelectasis on the right.",
            [Claim("Pleural Effusion", "present", "left"), Claim("Atelectasis", "present", "right")],
        ),
        (
            "Edema with left and right effusions.",
            [Claim("Edema", "present"), Claim("Pleural Effusion", "present", "bilateral")],
        ),
        ("Effusion, left, and edema.", [Claim("Pleural Effusion", "present", "left"), Claim("Edema", "present")]),
        ("Fracture of one rib, right side", [Claim("Fracture", "present", "right")]),
        ("Rib fractures on the left and on the right.", [Claim("Fracture", "present", "bilateral")]),
        ("Enlarged heart with its apex to the left.", [Claim("Cardiomegaly", "present")]),
        (
            "Opacity in the right lower lobe, likely pneumonia.",
            [Claim("Lung Opacity", "present", "right"), Claim("Pneumonia", "present", "right")],
        ),
        (
            "Rib fracture on the right with no pneumothorax.",
            [Claim("Fracture", "present", "right"), Claim("Pneumothorax", "absent")],
        ),
        ("Left-sided rib fractures.", [Claim("Fracture", "present", "left")]),
        ("Bilateral rib fractures.", [Claim("Fracture", "present", "bilateral")]),
        ("Mild fracture of the left sixth rib.", [Claim("Fracture", "present", "left", "mild")]),
        ("HISTORY: pneumothorax.", [Claim("Pneumothorax", "present")]),
        ("Pneumo\u200bthorax.", [Claim("Pneumothorax", "present")]),
        ("1. Left effusion.\n2. No edema.", [Claim("Pleural Effusion", "present", "left"), Claim("Edema", "absent")]),
        ("Heart: normal in size.", [Claim("Cardiomegaly", "absent")]),
        ("", []),
    ],
)
def test_reads_what_is_claimed(text, claims):
    found = read(text)
    assert list(found.claims) == claims
    assert found.unread == ()


def test_tells_which_sentences_it_could_not_read():
    found = read("Pulmonary edema. The aorta is tortuous. Clinical correlation is recommended.\nBlah")
    assert found.unread == ("The aorta is tortuous.", "Blah")


def test_letters_that_only_look_latin_are_not_read():
    assert read("Edema and \u0440neumonia.").unread == ("Edema and \u0440neumonia.",)


@pytest.mark.parametrize(
    "text",
    ["No acute disease.", "There is no evidence of acute cardiopulmonary abnormality.", "Normal chest."],
)
def test_general_denials_cover_every_pathology(text):
    assert [len(denial.observations) for denial in read(text).denials] == [12]


@pytest.mark.parametrize(
    "text", ["Abnormal chest.", "This is not a normal chest radiograph.", "The lungs are not clear."]
)
def test_what_is_not_normal_is_no_denial(text):
    assert read(text).denials == ()


def test_a_lobe_is_finer_than_the_evidence_unless_it_is_denied():
    assert read("Opacity in the right lower lobe.").finer == ("lower zone",)
    assert read("No opacity in the right lower lobe.").finer == ()


@pytest.mark.parametrize(
    ("text", "partial"),
    [
        ("Left effusion, and the right lung is collapsed.", ("the right lung is collapsed",)),
        ("No edema, although a small one cannot be excluded.", ("a small one cannot be excluded",)),
        ("The lungs are well expanded and clear without effusion.", ()),
        ("Left effusion, best seen at the base (see case-1).", ()),
        ("Left effusion with tuberculosis, unchanged.", ()),
    ],
)
def test_tells_which_clauses_it_could_not_read(text, partial):
    assert read(text).partial == partial
