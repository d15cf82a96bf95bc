import random
import string

import pytest

from medxpert.sections import book, is_exam, is_near
from medxpert.text import is_blank, split_sections

RULE = " " + "_" * 78

REPORTS = {
    "plain": (
        "FINDINGS: Lungs are clear.\nIMPRESSION: Normal.",
        {"findings": "Lungs are clear.", "impression": "Normal."},
    ),
    "layout of 79 columns": (
        "                                 FINAL REPORT\n"
        " EXAMINATION:  CHEST (PA AND LAT)\n \n INDICATION:  ___ year old man"
        " with fever\n \n COMPARISON:  ___\n \n FINDINGS: \n \n A broad band lies at the left base and\n"
        " blunts the angle.\n \n The heart is large.\n \n IMPRESSION: \n \n 1.  Band atelectasis.\n 2.  Large heart.\n",
        {
            "examination": "CHEST (PA AND LAT)",
            "indication": "___ year old man with fever",
            "comparison": "___",
            "findings": "A broad band lies at the left base and blunts the angle. The heart is large.",
            "impression": "1. Band atelectasis. 2. Large heart.",
        },
    ),
    "mixed case": ("Findings: Clear.\nImpression: Normal.", {"findings": "Clear.", "impression": "Normal."}),
    "lower case": ("findings: clear.\nimpression: normal.", {"findings": "clear.", "impression": "normal."}),
    "no colon": ("FINDINGS\nClear.\n\nIMPRESSION\nNormal.", {"findings": "Clear.", "impression": "Normal."}),
    "no colon, mixed case": (
        "Findings\nClear.\n\nImpression\nNormal.",
        {"findings": "Clear.", "impression": "Normal."},
    ),
    "blank before the colon": (
        "FINDINGS : Clear.\nIMPRESSION :Normal.",
        {"findings": "Clear.", "impression": "Normal."},
    ),
    "conclusion": ("FINDINGS: Clear.\nCONCLUSION: Normal.", {"findings": "Clear.", "impression": "Normal."}),
    "opinion": ("OPINION: Normal.", {"impression": "Normal."}),
    "summary": ("FINDINGS: Clear.\nSUMMARY: Normal.", {"findings": "Clear.", "impression": "Normal."}),
    "summary beside an impression": (
        "IMPRESSION: Normal.\nSUMMARY: Code 1.",
        {"impression": "Normal.", "summary": "Code 1."},
    ),
    "interpretation": ("INTERPRETATION: Clear.", {"impression": "Clear."}),
    "interpretation beside an impression": (
        "INTERPRETATION: Clear.\nIMPRESSION: Normal.",
        {"findings": "Clear.", "impression": "Normal."},
    ),
    "discussion": ("DISCUSSION: Clear.\nIMPRESSION: Normal.", {"findings": "Clear.", "impression": "Normal."}),
    "discussion beside findings": (
        "FINDINGS: Clear.\nDISCUSSION: By phone.",
        {"findings": "Clear.", "discussion": "By phone."},
    ),
    "findings and impression": ("FINDINGS AND IMPRESSION: Clear lungs.", {"findings": "Clear lungs."}),
    "impression and findings": ("IMPRESSION AND FINDINGS:\n Clear lungs.", {"findings": "Clear lungs."}),
    "findings/impression": ("FINDINGS/IMPRESSION: Clear lungs.", {"findings": "Clear lungs."}),
    "recommendations": (
        "IMPRESSION: Nodule.\nRECOMMENDATION(S): CT in a year.\nNOTIFICATION: Called at 10:45 AM.",
        {"impression": "Nodule.", "recommendation": "CT in a year.", "notification": "Called at 10:45 AM."},
    ),
    "reasons": (
        "REASON FOR EXAM: Cough.\nCLINICAL INFORMATION: Smoker.\nTYPE OF EXAMINATION: Chest.\nREFERENCE: None\n"
        "TECHNIQUE: Supine.\nCOMPARISONS: None\nFINDINGS: Clear.",
        {
            "indication": "Cough.",
            "history": "Smoker.",
            "examination": "Chest.",
            "reference": "None",
            "technique": "Supine.",
            "comparison": "None",
            "findings": "Clear.",
        },
    ),
    "procedure": (
        "PROCEDURE: Chest film.\nIMPRESSION: Normal.",
        {"examination": "Chest film.", "impression": "Normal."},
    ),
    "twice": (
        "IMPRESSION: One.\nFINDINGS: Two.\nIMPRESSION: Three.",
        {"impression": "One. Three.", "findings": "Two."},
    ),
    "empty sections": ("COMPARISON:\nFINDINGS: Clear.\nIMPRESSION: nan", {"findings": "Clear."}),
    "film names the text": (
        "PORTABLE AP CHEST:\n The lungs are clear.\n IMPRESSION: Normal.",
        {"examination": "PORTABLE AP CHEST", "findings": "The lungs are clear.", "impression": "Normal."},
    ),
    "film without a colon": (
        "INDICATION: Fever.\n\nPORTABLE AP CHEST\nThe lungs are clear.",
        {"indication": "Fever.", "examination": "PORTABLE AP CHEST", "findings": "The lungs are clear."},
    ),
    "film with views": (
        " CHEST, PA AND LATERAL:\n\n Clear.",
        {"examination": "CHEST, PA AND LATERAL", "findings": "Clear."},
    ),
    "film with a time": (
        "AP CHEST, 10:45 AM ON ___: Clear.",
        {"examination": "AP CHEST, 10:45 AM ON ___", "findings": "Clear."},
    ),
    "film in mixed case": ("Chest radiograph: Clear.", {"examination": "Chest radiograph", "findings": "Clear."}),
    "film beside findings": (
        "CHEST RADIOGRAPH: Supine.\nFINDINGS: Clear.",
        {"examination": "CHEST RADIOGRAPH Supine.", "findings": "Clear."},
    ),
    "views inside findings": (
        "FINDINGS:\nPA AND LATERAL VIEWS: Clear.\nNOTE: Rotated.\nIMPRESSION: Normal.",
        {"findings": "PA AND LATERAL VIEWS: Clear. NOTE: Rotated.", "impression": "Normal."},
    ),
    "organs": (
        "COMPARISON: None.\nLUNGS: Clear.\nHEART: Large.\nIMPRESSION: Large heart.",
        {"comparison": "None.", "findings": "LUNGS: Clear. HEART: Large.", "impression": "Large heart."},
    ),
    "organs inside findings": ("FINDINGS:\nLUNGS: Clear.\nHEART: Large.", {"findings": "LUNGS: Clear. HEART: Large."}),
    "header within a sentence": (
        "FINDINGS: The word IMPRESSION: is normal here.\nIMPRESSION: Normal.",
        {"findings": "The word IMPRESSION: is normal here.", "impression": "Normal."},
    ),
    "word put at a line's start by the layout": (
        "FINDINGS: The second reader, who saw the film after us, had written this\nimpression: no nodule.\n\n"
        "IMPRESSION: Clear.",
        {
            "findings": "The second reader, who saw the film after us, had written this impression: no nodule.",
            "impression": "Clear.",
        },
    ),
    "header after a sentence": (
        " INDICATION: Cough.\n FINDINGS: Clear.  IMPRESSION: Normal.",
        {"indication": "Cough.", "findings": "Clear.", "impression": "Normal."},
    ),
    "quoted report": (
        "FINDINGS: Clear.\nIMPRESSION: Normal. FINDINGS: Quoted.",
        {"findings": "Clear.", "impression": "Normal. FINDINGS: Quoted."},
    ),
    "flattened": (
        "FINAL REPORT EXAMINATION: CHEST (PORTABLE AP) INDICATION: ___F with cough FINDINGS: Clear. "
        "IMPRESSION: Normal.",
        {
            "examination": "CHEST (PORTABLE AP)",
            "indication": "___F with cough",
            "findings": "Clear.",
            "impression": "Normal.",
        },
    ),
    "flattened, mixed case": ("Findings: Clear. Impression: Normal.", {"findings": "Clear.", "impression": "Normal."}),
    "time in a line": ("FINDINGS: Taken at\n10:45 AM: Clear.", {"findings": "Taken at 10:45 AM: Clear."}),
    "addendum above a rule": (
        f"                                 FINAL REPORT\n ADDENDUM  Side corrected.\n"
        f" IMPRESSION: It is the left.\n{RULE}\n"
        "                                 FINAL REPORT\n FINDINGS: Right band.\n IMPRESSION: Band.",
        {"addendum": "Side corrected. IMPRESSION: It is the left.", "findings": "Right band.", "impression": "Band."},
    ),
    "two addenda": (
        f"ADDENDUM: One.\n{RULE}\nADDENDUM #2: Two.\n{RULE}\nIMPRESSION: Band.",
        {"addendum": "One. Two.", "impression": "Band."},
    ),
    "addendum below": (
        "FINDINGS: Clear.\nADDENDUM: Seen again.\nIMPRESSION: A nodule.",
        {"findings": "Clear.", "addendum": "Seen again. IMPRESSION: A nodule."},
    ),
    "wet read": (
        f" WET READ: ___ ___ ___ 9:10 PM\n  No air leak.\n WET READ VERSION #1 ___ ___ 8:15 PM\n  Tube high.\n{RULE}\n"
        "                                 FINAL REPORT\n IMPRESSION: Tube withdrawn.",
        {"wet_read": "No air leak. Tube high.", "impression": "Tube withdrawn."},
    ),
    "wet read without a rule": (
        "WET READ: Tube high.\nFINDINGS: Clear.",
        {"wet_read": "Tube high.", "findings": "Clear."},
    ),
    "last paragraph": (
        " FINAL REPORT\n HISTORY:  Cough.\n \n COMPARISON:  ___.\n \n The lungs are clear.\n \n The heart is normal.\n",
        {"history": "Cough.", "comparison": "___.", "findings": "The lungs are clear. The heart is normal."},
    ),
    "no header": ("Lungs are clear. 1:2 view.", {"findings": "Lungs are clear. 1:2 view."}),
    "no header, a title": ("Chest film\n\nLungs are clear.", {"findings": "Lungs are clear."}),
    "no header, MIMIC": (
        " FINAL REPORT\n Two films were taken.\n \n Lungs are clear.",
        {"findings": "Lungs are clear."},
    ),
    "no header, paragraphs": ("Heart is large.\n\nLungs are clear.", {"findings": "Heart is large. Lungs are clear."}),
    "prose before the impression": (
        "Lungs are clear.\n\nIMPRESSION: Normal.",
        {"findings": "Lungs are clear.", "impression": "Normal."},
    ),
    "impression of two paragraphs": ("IMPRESSION: Normal.\n\nNo edema.", {"impression": "Normal. No edema."}),
    "misspelt": ("FINDNGS: Clear.\nIMPRESSON: Normal.", {"findings": "Clear.", "impression": "Normal."}),
    "carriage returns": (
        "FINDINGS: Clear\r\nlungs.\r\n\r\nIMPRESSION: Normal.\r\n",
        {"findings": "Clear lungs.", "impression": "Normal."},
    ),
    "signature": (
        "IMPRESSION: Normal.\nEND OF IMPRESSION:\nSUMMARY: Code 1.",
        {"impression": "Normal.", "summary": "Code 1."},
    ),
    "capitals throughout": (
        "FINDINGS: LUNGS ARE CLEAR. NO ACUTE\nFINDINGS\nAT ALL.\nIMPRESSION: NORMAL.",
        {"findings": "LUNGS ARE CLEAR. NO ACUTE FINDINGS AT ALL.", "impression": "NORMAL."},
    ),
}


@pytest.mark.parametrize(("report", "expected"), REPORTS.values(), ids=REPORTS)
def test_sections(report, expected):
    assert split_sections(report) == expected


@pytest.mark.parametrize(
    "text", ["", "  \n\t", "nan", "NaN", "None", " N/A ", "null", "___", "XXXX, XXXX.", "-", "...", "<NA>"]
)
def test_placeholders_are_no_text(text):
    assert is_blank(text)
    assert split_sections(text) == {}
    assert split_sections(f"FINDINGS: {text}\nIMPRESSION: {text}\n") == {}


@pytest.mark.parametrize("text", ["None seen.", "Normal", "x-ray", "7", "Nancy", "Übersicht"])
def test_words_are_text(text):
    assert not is_blank(text)


VARIANTS = [(variant, name) for name, variants in book()["names"].items() for variant in variants]


@pytest.mark.parametrize(("variant", "name"), VARIANTS)
def test_every_variant_is_a_header(variant, name):
    known = {"findings", "impression", name}
    for written in (variant.upper(), variant.capitalize()):
        found = split_sections(f"FINDINGS: One.\nIMPRESSION: Two.\n{written}: Three.")
        assert "Three." in found[name]
        assert set(found) <= known
        assert all("Three" not in text for other, text in found.items() if other != name)


@pytest.mark.parametrize("header", ["FINDINSG", "FNDINGS", "FINDINGGS", "INPRESSION", "IMPRESSIOM", "IMPRESSSION"])
def test_a_header_one_letter_off_counts(header):
    name = "findings" if header.startswith("F") else "impression"
    assert split_sections(f"HISTORY: Cough.\n{header}: Clear.") == {"history": "Cough.", name: "Clear."}


@pytest.mark.parametrize(
    ("word", "expected"),
    [(word, True) for word in ("abcd", "abc", "abcde", "abxd", "bacd", "xabcd", "bcd")]
    + [(word, False) for word in ("abdcx", "ab", "axxd", "dcba", "badc", "")],
)
def test_near_words(word, expected):
    assert is_near(word, "abcd") is expected
    assert is_near("abcd", word) is expected


@pytest.mark.parametrize("text", ["AP CHEST", "CHEST, TWO VIEWS", "Portable chest radiograph, 5:12 a.m.", "CXR"])
def test_films_are_named(text):
    assert is_exam(text)


@pytest.mark.parametrize("text", ["AND THE", "CHEST TUBE REMOVED", "LUNGS", "", "10:45"])
def test_other_headings_name_no_film(text):
    assert not is_exam(text)


def test_sections_written_out_come_back():
    draw = random.Random(0)
    names = ["indication", "history", "comparison", "technique", "findings", "impression", "recommendation"]
    for _ in range(300):
        words = ["".join(draw.choices(string.ascii_lowercase, k=draw.randint(2, 9))) for _ in range(60)]
        chosen = draw.sample(names, draw.randint(1, 7))
        meant = {name: " ".join(draw.choices(words, k=draw.randint(1, 30))).capitalize() + "." for name in chosen}
        if not {"findings", "impression"} & set(meant):
            meant["findings"] = "Clear."
        text = "\n \n".join(
            f" {name.upper()}:{draw.choice(['  ', chr(10) + ' '])}{said}" for name, said in meant.items()
        )
        assert split_sections(text) == meant


@pytest.mark.parametrize(
    "piece", ["IMPRESSION: ", "A:", "\n\n", "___ ", "WET READ\n", " x\n" + RULE + "\n", "AP CHEST:\n", "( "]
)
def test_a_megabyte_is_read(piece):
    assert isinstance(split_sections(piece * (300_000 // len(piece))), dict)
