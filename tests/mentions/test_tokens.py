import pytest

from medxpert.mentions.tokens import is_foreign, plain, spans, tokens


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("No effusion.", ["no", "effusion", "."]),
        ("a 2.5 cm nodule", ["a", "2.5", "cm", "nodule"]),
        ("Dr. Smith", ["dr.", "smith"]),
        ("1. Effusion 2) Edema", ["1.", "effusion", "2)", "edema"]),
        ("measures 3 cm.There", ["measures", "3", "cm", ".", "there"]),
        ("plate-like ___ XXXX", ["plate", "like", "xxxx"]),
        ("effusion(s) (small)", ["effusion", "s", "(", "small"]),
        ("Edema? Heart", ["edema", ".", "heart"]),
        ("?edema", ["?", "edema"]),
        ("wrapped\nline of text", ["wrapped", "line", "of", "text"]),
        ("No edema\nHeart normal", ["no", "edema", ".", "heart", "normal"]),
        ("edema\n\nheart", ["edema", ".", "heart"]),
        ("edema\n- heart", ["edema", ".", "heart"]),
    ],
)
def test_words_and_sentence_ends(text, expected):
    assert tokens(plain(text)) == expected


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("INDICATION: Pneumonia? FINDINGS: No edema.", "no edema"),
        ("INDICATION:\nFever and\npneumonia.\n\nFINDINGS:\nNo edema.", "no edema"),
        ("History: pneumonia.\nThe heart is normal.", "the heart is normal"),
        ("COMPARISON: None. The heart is normal.", "the heart is normal"),
        ("Clinical history: pneumonia.\nTechnique: AP.\nImpression: no edema.", "no edema"),
        ("The patient has a history of pneumonia.", "the patient has a history of pneumonia"),
    ],
)
def test_sections_about_other_things_are_skipped(text, kept):
    words = " ".join(tokens(plain(text)))
    assert kept in words
    assert "fever" not in words
    assert ("pneumonia" in words) == ("pneumonia" in kept)


@pytest.mark.parametrize("text", ["", "İstanbul: No EFFUSION", "a\n\nB?\tHISTORY: x.", "\ufb01ndings \u1e9e"])
def test_the_plain_text_keeps_every_place(text):
    flat = plain(text)
    assert len(flat) == len(text)
    assert [flat[start:end] for start, end in spans(flat)] == tokens(flat)


@pytest.mark.parametrize(
    ("text", "foreign"),
    [
        ("sin edema ni derrame la silueta es de tamaño normal con pulmones claros", True),
        ("pas d epanchement la silhouette cardiaque est normale et les poumons sont clairs", True),
        ("kein erguss das herz ist nicht vergrössert und die lungen sind frei", True),
        ("no edema the heart is normal in size", False),
        ("no edema", False),
        ("", False),
    ],
)
def test_other_languages_are_noticed(text, foreign):
    assert is_foreign(text.split()) is foreign
