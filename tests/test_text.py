import itertools
import random
import tarfile
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from medxpert.text import clean, longest_section, normalise, sample_sentences, sentences, split_sections, without_priors

REPORTS = Path(__file__).parents[1].parent / "shared" / "cxr" / "NLMCXR_reports.tgz"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("No  acute\n disease. ", "no acute disease."),
        ("\tHEART Size\u00a0normal", "heart size normal"),
        ("Straße", "strasse"),
        ("   ", ""),
    ],
)
def test_texts_that_read_the_same_are_equal(text, expected):
    assert normalise(text) == expected


@pytest.mark.parametrize(
    ("findings", "impression", "expected"),
    [
        ("Clear lungs.", "Normal.", ("findings", "Clear lungs.")),
        ("Clear.", "No acute disease. ", ("impression", "No acute disease.")),
        ("Clear.", "Clean.", ("findings", "Clear.")),
        ("        ", "Clear.", ("impression", "Clear.")),
        ("", " ", ("findings", "")),
    ],
)
def test_longest_section_stands_for_the_study(findings, impression, expected):
    assert longest_section(findings, impression) == expected


CLEANED = [
    ("The lungs  are\n clear.", "The lungs are clear."),
    ("1. No edema.\n2. Clear.", "No edema. Clear."),
    ("1. No edema\n2. Clear", "No edema. Clear"),
    ("1. No edema 2. Clear lungs", "No edema. Clear lungs"),
    ("(1) No edema. 2) Clear.", "No edema. Clear."),
    ("- No edema\n* Clear", "No edema. Clear"),
    ("A nodule of 2.5 cm at T12. 3 mm nodule in segment 2.", "A nodule of 2.5 cm at T12. 3 mm nodule in segment 2."),
    ("Ribs 3 and 4. Grade 2. Clear.", "Ribs 3 and 4. Grade 2. Clear."),
    ("2.5 cm nodule.", "2.5 cm nodule."),
    ("Value 1. 5 here.", "Value 1. 5 here."),
    ("Compared to ___, the effusion is larger.", "The effusion is larger."),
    ("The effusion is larger as compared to XXXX.", "The effusion is larger."),
    ("Film from ___ at ___.", "Film."),
    ("Seen by Dr. ___ on ___ at 5 pm.", "Seen at 5 pm."),
    ("No evidence of XXXX or effusion.", "No evidence of effusion."),
    ("No XXXX of a large effusion.", "No large effusion."),
    ("XXXX lungs are clear.", "Lungs are clear."),
    ("Clear. The XXXX are intact. Normal.", "Clear. Normal."),
    ("The XXXX are seen at the left base.", "Seen at the left base."),
    ("Degenerative changes of the XXXX.", "Degenerative changes."),
    ("Clear. XXXX. Normal.", "Clear. Normal."),
    ("___-year-old woman with cough.", "Woman with cough."),
    ("This is an XXXX-year-old man.", "This is a man."),
    ("Negative chest x-XXXX.", "Negative chest x-ray."),
    ("Dual-XXXX pacer ends at XXXX cm.", "Dual pacer ends."),
    ("Film (___) reviewed, XXXX, today.", "Film reviewed, today."),
    ("Seen in [**Hospital 12**] on [**2001-1-1**].", "Seen."),
    ("Normal chest. .", "Normal chest."),
    ("XXXX", ""),
    ("", ""),
    ("Wires __ and ___.", "Wires."),
]


@pytest.mark.parametrize(("text", "expected"), CLEANED)
def test_clean(text, expected):
    assert clean(text) == expected


SPLIT = [
    ["No edema.", "Lungs are clear!", "Is there air?", "Yes"],
    ["A nodule of 2.5 cm.", "It ends at T12.", "3 mm nodule."],
    ["Seen by Dr. Smith at 10:45 a.m. on a film.", "Clear."],
    ["Told at 9 p.m.", "The line is high."],
    ["Image No. 3 of approx. 3 cm, e.g. Kerley lines."],
    ["1. No edema.", "2. Clear."],
    ["1. Clear lungs"],
    ["Infection by C. difficile is known.", "Clear."],
    ["Seen by J. Smith, then by R. D. Jones.", "Clear."],
    ["Known hepatitis C.", "Lungs are clear."],
    ["the lungs are clear.", "no effusion is seen."],
    ["Measures 3 cm. in length."],
    ["No disease. .", "Clear."],
    ["Heart is normal .", "Bones are intact."],
    ["Film of ___.", "Clear."],
    ["Clear (see above.)", "Normal."],
    ["Value 1. 5 here."],
]


@pytest.mark.parametrize("expected", SPLIT)
def test_sentences(expected):
    assert sentences(" ".join(expected)) == expected


def test_lines_of_a_list_and_paragraphs_end_sentences():
    assert sentences("1. No edema\n2. Clear\n- Normal\n\nBones\nintact") == [
        "1. No edema",
        "2. Clear",
        "- Normal",
        "Bones intact",
    ]


@pytest.mark.parametrize("text", ["", " \n ", "."])
def test_no_sentence_is_empty(text):
    assert sentences(text) == text.split()


TOKENS = [
    "1.",
    "2)",
    "Dr.",
    "a.m.",
    "C.",
    ".",
    "..",
    "?",
    ",",
    "(",
    ")",
    "\n",
    "\n\n",
    "-",
    "XXXX",
    "___",
    "XXXX.",
    "2.5",
    "T12.",
]
WORDS = [
    "new",
    "stable",
    "unchanged",
    "the",
    "a",
    "is",
    "effusion",
    "Heart",
    "clear.",
    "prior",
    "study",
    "from",
    "and",
    "has",
    "compared",
]


def noise(seed):
    draw = random.Random(seed)
    tokens = (
        draw.choice([*TOKENS, *WORDS, *WORDS]) + draw.choice([" ", " ", "", "  "]) for _ in range(draw.randint(1, 25))
    )
    return "".join(tokens)


@pytest.mark.parametrize("seed", range(0, 3000, 300))
def test_any_text(seed):
    for text in map(noise, range(seed, seed + 300)):
        assert " ".join(sentences(text)) == " ".join(text.split())
        for function in (clean, without_priors):
            once = function(text)
            assert function(once) == once, text
        assert "__" not in clean(text)
        assert "XXXX" not in clean(text)
        assert "  " not in clean(text)


@pytest.mark.parametrize(
    "piece",
    [
        "1. ",
        "___ ",
        "no change in ",
        "Dr. ",
        "new ",
        "the prior study, ",
        "a\n",
        "compared to ",
        "(XXXX ",
        "_",
        "X",
        "and XXXX ",
    ],
)
def test_a_long_text_is_read(piece):
    text = piece * (3000 // len(piece))
    assert " ".join(sentences(text)) == " ".join(text.split())
    assert isinstance(clean(text) + without_priors(text), str)


THREE = "Clear lungs. Large heart. No edema."


def test_every_order_and_every_pair_is_drawn():
    orders = {sample_sentences(THREE, np.random.default_rng(seed), shuffle=True) for seed in range(100)}
    assert orders == {" ".join(order) for order in itertools.permutations(sentences(THREE))}
    pairs = {sample_sentences(THREE, np.random.default_rng(seed), keep=2) for seed in range(100)}
    assert pairs == {" ".join(pair) for pair in itertools.combinations(sentences(THREE), 2)}
    pairs = {sample_sentences(THREE, np.random.default_rng(seed), keep=2, shuffle=True) for seed in range(200)}
    assert pairs == {" ".join(pair) for pair in itertools.permutations(sentences(THREE), 2)}


@pytest.mark.parametrize("keep", [None, 3, 7])
def test_a_short_text_stays_whole(keep):
    assert sample_sentences(THREE, np.random.default_rng(0), keep) == THREE
    assert sample_sentences("", np.random.default_rng(0), keep, shuffle=True) == ""


def test_draws_are_even():
    counts = dict.fromkeys(sentences(THREE), 0)
    generator = np.random.default_rng(0)
    for _ in range(3000):
        counts[sample_sentences(THREE, generator, keep=1)] += 1
    assert min(counts.values()) > 900


@pytest.mark.parametrize("keep", [0, -1])
def test_nothing_to_keep_is_refused(keep):
    with pytest.raises(ValueError, match=f"keep is {keep}, but"):
        sample_sentences(THREE, np.random.default_rng(0), keep)


@pytest.fixture(scope="module")
def indiana():
    if not REPORTS.is_file():
        pytest.skip(f"{REPORTS} is absent")
    with tarfile.open(REPORTS) as tar:
        files = [tar.extractfile(member) for member in tar.getmembers() if member.name.endswith(".xml")]
        roots = [ElementTree.parse(file).getroot() for file in files]
    return [{part.get("Label"): part.text or "" for part in root.iter("AbstractText")} for root in roots]


LABELS = ("COMPARISON", "INDICATION", "FINDINGS", "IMPRESSION")
CUES = {
    "again",
    "change",
    "changed",
    "changes",
    "comparison",
    "compared",
    "compare",
    "decreased",
    "improved",
    "improvement",
}
CUES |= {
    "increased",
    "interval",
    "new",
    "previous",
    "prior",
    "priors",
    "progression",
    "removal",
    "removed",
    "removed.",
    "similar",
}
CUES |= {
    "since",
    "stable",
    "unchanged",
    "worsening",
    "resolved",
    "remains",
    "remain",
    "now",
    "persistent",
    "previously",
    "worsened",
}


@pytest.mark.shared
def test_sections_of_real_reports_come_back(indiana):
    assert len(indiana) == 3955
    different = []
    for sections in indiana:
        meant = {name.lower(): " ".join(sections[name].split()) for name in LABELS if sections[name].strip()}
        found = split_sections("\n".join(f"{name}: {sections[name]}" for name in LABELS))
        if found != meant:
            different.append((meant, found))
    assert different == []


@pytest.mark.shared
def test_real_texts_are_read(indiana):
    emptied = []
    for text in {sections[name] for sections in indiana for name in LABELS[2:]}:
        cleaned = clean(text)
        assert "XXXX" not in cleaned
        assert clean(cleaned) == cleaned
        assert " ".join(sentences(text)) == " ".join(text.split())
        bare = without_priors(text)
        assert without_priors(bare) == bare
        said = [set("".join(c if c.isalpha() else " " for c in part.casefold()).split()) for part in sentences(text)]
        if not bare and any(words and not words & CUES for words in said):
            emptied.append(text)
    assert emptied == []
