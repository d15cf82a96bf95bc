import random
import re
import sys
import tarfile
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

from medxpert.phantom.patients import draw_patient
from medxpert.reporting import Case, Draft, Finding, Verdict
from medxpert.scrubbing import restored, scrub, scrubbed
from medxpert.words import Hit

REPORTS = Path(__file__).parents[1].parent / "shared" / "cxr" / "NLMCXR_reports.tgz"

KEPT = [
    "Nodule of 3.5 cm, 2 mm away, 1.2 x 3.4 x 5.6 cm, 20x30x40mm, 12-15 cm, 10-15-20 cm.",
    "Fracture of T12, L2-L3, C-7, C5-C6-C7, T10-T11-T12 and L1-L2-L3-L4-L5.",
    "The 4th rib, 5th-7th ribs, ribs 4-5-10, 4-5-10 ribs, 2/3 of the ribs.",
    "Exam: 2 views, 3/4 views, 2 of 3 views. PA and lateral chest, PA. AP/PA. 3-D.",
    "24 Fr tube, 7.5 Fr. 500-1000 mL, 2000-2500 cc, volume of 2000 mL, from 2000 to 2500 mL, 10,000, 0.00012.",
    "Grade 3/6 murmur. 1:10 ratio. SpO2 92%, 98 %. PO2 95. HU of 45. Hounsfield 1000. 120 kVp. 100 mg.",
    "MR imaging, MR of the chest, DR system, CR/DR. MS. 1.5T. T1-weighted. Tc 99m, Technetium-99m, I-131.",
    "It may 2 mm lower be. May represent pneumonia. Marching. Sunken. Decreased. Octagonal.",
    "COVID-19, SARS-CoV-2, post-COVID-19-pneumonia, FEV1/FVC. Swan-Ganz catheter, Port-A-Cath, Hampton's hump.",
    "A 45-year-old and an 89 year old. Case 3. No. 3. #3.",
    "and/or, s/p CABG, w/o, h/o, p.m.",
    "___ year old. Dr. ___ on ___ at ___. XXXX XXXX.",
    "Informed consent. Confirmed by CT, seen on CT from an outside hospital. Room air. In bed.",
    "Patient is rotated. Patient: elderly. Discussed with the patient. Discussed with the referring physician.",
    "FINDINGS: HEART SIZE NORMAL. IMPRESSION: NO PNEUMOTHORAX.\n\nCOMPARISON: NONE.",
    "",
]

DATES = """12/03/2019 | 1/2/19 | 12.03.2019 | 12-03-2019 | 2019-03-12 | 2019/3/12 | 2019-03-12T14:35:00Z
12\u201303\u20132019 | March 12th, 2019 | March 12 2019 | Mar. 12, 2019 | MARCH 12
12 March 2019 | 12th of March | 12-Mar-19 | 12MAR2019
March 2019 | Mar '19 | 03/2019 | May 5, 2019 | may 5, 2019 | Monday | Fridays"""
TIMES = "14:35 | 14:35:07 | 2:35 p.m. | 2 pm | 11 AM EST | 0830 hrs | 1435 hours"
IDS = """1234567 | CXR2840_IM-1251-1001 | A12345678 | 1.2.840.113619.2.55.3.1 | 123-45-6789 | a1b2c3d4e5f6
550e8400-e29b-41d4-a716-446655440000 | #4711 | 9434 765 919 | sk-abcdefghijklmnop | 1HGCM82633A004352
deadbee1 | abcdefghijklmnopqrst1"""
PHONES = "(555) 123-4567 | 555.123.4567 | 555-123-4567 | +44 20 7946 0958 | 555-1234"
PATHS = """/home/jane/scan.dcm | C:\\Users\\Jane Doe\\scan.dcm | \\\\server\\share\\scan.dcm | data/jane/scan.dcm
~/films/a | ../films/jane/ | IM-0123-0001.dcm | jane_doe.png | scan.nii.gz"""
URLS = "https://pacs.ward.org/x?id=1 | www.ward.com/a | pacs.ward.org | s3://bucket/key"
PLACES = """Mercy General Hospital | St. Mary's Hospital | MERCY HOSPITAL | Hospital of Boston | University of Alabama
12 Main Street | 1200 N. Elm Ave, Apt 4 | Boston, MA 02139 | P.O. Box 12 | SW1A 1AA"""
AGES = "92-year-old | 92 y/o | 95yo | 95 y.o. | 101 years old | 94F | ninety-two-year-old | 90s"
ALONE = {
    "[date]": DATES,
    "[time]": TIMES,
    "[id]": IDS,
    "[phone]": PHONES,
    "[path]": PATHS,
    "[url]": URLS,
    "[place]": PLACES,
    "[age]": AGES,
    "[email]": "jane.doe+x@ward.org | j@a.b.uk",
}
LABELLED = [
    (
        "seen in March, since 2018, in 2015-16, on 3/12, at 1435",
        "seen in [date], since [date], in [date], on [date], at [time]",
    ),
    ("prior 2017 film, 2019 CT, seen first of 2016", "prior [date] film, [date] CT, seen first of [date]"),
    ("PID: A12, ref #7", "PID: [id], ref #[id]"),
    ("MRN: A-12, accession no. 12-345, Accession #: AC9", "MRN: [id], accession no. [id], Accession #: [id]"),
    ("patient id: 17, study number 22, Order# 55-A1", "patient id: [id], study number [id], Order# [id]"),
    ("pager 12345, ext. 123", "pager [phone], ext [phone]"),
    ("ward 7B, Room 312, bed 4", "ward [place], Room [place], bed [place]"),
    ("age 91, aged: 101", "age [age], aged: [age]"),
    ("Transferred from Riley.", "Transferred from [place]."),
]
NAMED = [
    ("Dr. Smith, Dr Young, DR SMITH, dr smith, Dr. smith", "Dr. [name], Dr [name], DR [name], dr [name], Dr. [name]"),
    ("Mr. O'Brien, Mrs. de la Cruz, MRS. VAN DER BERG", "Mr. [name], Mrs. [name], MRS. [name]"),
    ("Drs. Smith and Jones, Dr. J. R. Smith, Dr.Smith", "Drs. [name], Dr. [name], Dr. [name]"),
    ("Dr\nSmith said", "Dr [name] said"),
    ("Dr. K and Dr. A said", "Dr. [name] and Dr. [name] said"),
    ("ROE^JANE moved", "[name] moved"),
    ("Jane Roe, RN, placed it.", "[name], placed it."),
    ("DR SMITH NO PNEUMOTHORAX", "DR [name] NO PNEUMOTHORAX"),
    ("discussed with Dr Smith at 3 pm", "discussed with Dr [name] at [time]"),
    ("discussed with nurse practitioner Jane Roe by phone", "discussed with nurse practitioner [name] by phone"),
    ("Findings d/w Patel at 9.", "Findings d/w [name] at 9."),
    ("called to Jane Roe, RN. Normal heart.", "called to [name], RN. Normal heart."),
    ("Patient: John Doe. Lungs clear.", "Patient: [name]. Lungs clear."),
    ("Patient name: young, amy", "Patient name: [name]"),
    ("Name: DOE^JANE^M", "Name: [name]"),
    ("My name is John Doe.", "My name is [name]."),
    ("Read by John Small MD.", "Read by [name] MD."),
    ("DICTATED BY: ROBERT SMALL", "DICTATED BY: [name]"),
    ("Signed: Jane Roe", "Signed: [name]"),
    ("signed by jane roe.", "signed by [name]."),
    ("Electronically signed by Amy Young, M.D. Discussed.", "Electronically signed by [name]. Discussed."),
    ("Electronically Signed By: KIM, SUN-HEE MD 03/04/2020 15:22", "Electronically Signed By: [name] MD [date] [time]"),
    ("reported to the ordering physician Roe.", "reported to the ordering physician [name]."),
    ("Attending: Roe. Radiologist Jane Roe.", "Attending: [name]. Radiologist [name]."),
    ("Jones was notified.", "[name] was notified."),
    ("Amy Young, MD", "[name]"),
    ("MARY JONES is a 45-year-old", "[name] is a 45-year-old"),
    ("Patient Mary Jones was rotated.", "Patient [name] was rotated."),
    ("Baby boy Jones.", "Baby boy [name]."),
]


@pytest.mark.parametrize("text", KEPT)
def test_clinical_text_stays(text):
    assert scrub(text) == text


@pytest.mark.parametrize(
    ("mark", "text"), [(mark, text.strip()) for mark, row in ALONE.items() for text in re.split(r"\||\n", row)]
)
def test_what_needs_no_label(mark, text):
    assert scrub(text) == mark
    assert scrub(f"Stable, {text}; no effusion.") == f"Stable, {mark}; no effusion."


@pytest.mark.parametrize(("text", "expected"), LABELLED + NAMED)
def test_what_a_label_or_title_gives_away(text, expected):
    assert scrub(text) == expected


@pytest.mark.parametrize("text", ["2019\u201103\u201112", "12\u200b/03/\u00ad2019", "\uff12\uff10\uff11\uff19-03-12"])
def test_look_alikes_hide_nothing(text):
    assert scrub(text) == "[date]"


@pytest.mark.parametrize("text", [text for text, _ in LABELLED + NAMED] + [DATES, IDS, PATHS, PLACES, AGES])
def test_scrubbing_twice_changes_no_more(text):
    assert scrub(scrub(text)) == scrub(text)


@pytest.mark.parametrize(
    ("text", "secrets", "expected"),
    [
        ("as in ward_17b and WARD_17B.", ["ward_17b"], "as in [id] and [id]."),
        ("p12 and p123, p12_a", ["p12"], "[id] and p123, [id]_a"),
        ("a1 a12", ["a1", "a12"], "[id] [id]"),
        ("see jane doe, jane doe.PNG", ["films/jane doe.png"], "see [id], [id]"),
        ("(x).* is no pattern", ["(x).*"], "[id] is no pattern"),
        ("17 mm, 1701 mm", ["17", "1701", "1", ""], "17 mm, [id] mm"),
    ],
)
def test_known_ids(text, secrets, expected):
    assert scrub(text, secrets) == expected


def hostile():
    for unit in ("a", "A", "1", "a-", "Aa ", "1.", "A. ", "/a", "\\a", "a1", "Dr ", "signed by ", "name: ", "A^", "a@"):
        yield unit * (20_000 // len(unit))
    for ending in ("MD ", "hospital ", ", RN "):
        yield ("Aa " * 1000 + ending) * 6


@pytest.mark.parametrize("text", hostile(), ids=lambda text: repr(text[:6]))
def test_long_texts_take_time_in_proportion(text):
    scrub("")
    began = time.process_time()
    scrub(text)
    assert time.process_time() - began < 5


def case():
    hits = [
        Hit(
            1,
            0.9,
            "ward/p77_a.png",
            "p77",
            "Film p77_a of p77 and IM0004711, read by Jane Roe. Effusion.",
            {"Edema": 1},
            5,
        ),
        Hit(2, 0.8, "IM0004711", "", "No pneumothorax.", {}, 3),
    ]
    verdicts = (
        Verdict("Edema", "present", 0.9, cases=("IM0004711", "ward/p77_a.png", "elsewhere")),
        Verdict("Pneumothorax"),
    )
    pixels = np.zeros((2, 2), np.uint8)
    return Case(verdicts, hits, "Film of p77.", "seen by p77 in March", "PA film of p77_a", pixels)


def test_a_case_loses_ids_and_names():
    bare, aliases = scrubbed(case(), ["chest of jane.dcm"])
    assert aliases == {"case-1": "ward/p77_a.png", "case-2": "IM0004711"}
    assert [(hit.study_id, hit.patient_id, hit.row) for hit in bare.hits] == [("case-1", "", 5), ("case-2", "", 3)]
    assert bare.hits[0].text == "Film [id] of [id] and [id], read by [name]. Effusion."
    assert bare.verdicts[0].cases == ("case-2", "case-1")
    assert (bare.query, bare.caption, bare.technique) == ("seen by [id] in [date]", "PA film of [id]", "Film of [id].")


def test_a_case_keeps_what_names_nobody():
    given = case()
    bare = scrubbed(given).case
    assert [(hit.score, hit.labels) for hit in bare.hits] == [(hit.score, hit.labels) for hit in given.hits]
    assert bare.verdicts[1] == given.verdicts[1]
    assert bare.pixels is given.pixels


def test_further_secrets():
    given = Case((), [], caption="As chest of jane shows.")
    assert scrubbed(given, ["chest of jane.dcm"]).case.caption == "As [id] shows."


def test_ids_come_back_and_unknown_ones_stay():
    aliases = {f"case-{number}": f"IM{number}" for number in range(1, 12)}
    finding = Finding(
        "Edema", "present", "As in case-1, Case-11 and case-12.", evidence=("case-1", " Case-2 ", "case-12", "cases")
    )
    draft = restored(Draft((finding,), ("Like case-2; no showcase-1.",)), aliases)
    assert draft.findings[0].evidence == ("IM1", "IM2", "case-12", "cases")
    assert draft.findings[0].sentence == "As in IM1, IM11 and case-12."
    assert draft.impression == ("Like IM2; no showcase-1.",)


def test_ids_that_look_like_aliases_are_not_mixed_up():
    hits = [Hit(1, 0.9, "case-2", "", "", {}, 0), Hit(2, 0.8, "case-1", "", "See case-1.", {}, 1)]
    bare, aliases = scrubbed(Case((Verdict("Edema", cases=("case-1",)),), hits))
    assert bare.verdicts[0].cases == ("case-2",)
    assert bare.hits[1].text == "See [id]."
    draft = restored(
        Draft((Finding("Edema", "present", "case-1, case-2", evidence=("case-1", "case-2")),), ()), aliases
    )
    assert draft.findings[0].evidence == ("case-2", "case-1")
    assert draft.findings[0].sentence == "case-2, case-1"


def test_a_draft_about_a_case_that_was_not_scrubbed_stays():
    draft = Draft((Finding("Edema", "present", "case-1", evidence=("case-1",)),), ())
    assert restored(draft, {}) == draft


def test_phantom_reports_stay():
    texts = [
        f"{study.report.findings} {study.report.impression}"
        for patient in range(40)
        for study in draw_patient(0, patient)
    ]
    assert [scrub(text) for text in texts] == texts


def real_reports():
    """Return the findings and impression of each published report that has any."""
    if not REPORTS.exists():
        pytest.skip(f"{REPORTS} is absent")
    with tarfile.open(REPORTS) as archive:
        members = (archive.extractfile(member) for member in archive if member.name.endswith(".xml"))
        roots = [ElementTree.parse(member).getroot() for member in members]
    sections = ([row.text for row in root.iter("AbstractText") if row.get("Label") in SECTIONS] for root in roots)
    return [text for rows in sections if (text := " ".join(row for row in rows if row))]


SECTIONS = ("FINDINGS", "IMPRESSION")


@pytest.mark.slow
@pytest.mark.shared
def test_real_reports_stay_but_for_their_names(capsys):
    texts = real_reports()
    began = time.perf_counter()
    changed = [(text, scrubbed) for text in texts if (scrubbed := scrub(text)) != text]
    each_ms = (time.perf_counter() - began) / len(texts) * 1e3
    with capsys.disabled():
        sys.stdout.write(f"\n{len(changed)} of {len(texts)} reports changed; {each_ms:.1f} ms each\n")
    assert len(changed) <= 0.005 * len(texts)
    for text, scrubbed in changed:
        assert set(re.findall(r"\[\w+\]", scrubbed)) == {"[name]"}
        assert words(text) - words(scrubbed) <= {"xxxx"}


def words(text):
    return set(re.findall(r"[a-z]+", text.lower()))


PEOPLE = """Smith | Young | Small | O'Brien | de la Cruz | Nguyen | Jane Roe | J. R. Poe | Sun-Hee Kim | Hans von Berg
Müller | Amy Long | McDonald | Li | Rice""".replace("\n", " | ").split(" | ")
PLANTED = [
    ("Discussed with Dr. {} at 14:35 on 3/12/2019.", "Discussed with Dr. [name] at [time] on [date]."),
    ("Comparison is made to the film of March 12th, 2019.", "Comparison is made to the film of [date]."),
    ("Findings were called to Dr {} on 2019-03-12.", "Findings were called to Dr [name] on [date]."),
    ("Electronically signed by {}, MD.", "Electronically signed by [name], MD."),
    ("MRN: 1234567.", "MRN: [id]."),
    ("Mrs. {} is 93 years old.", "Mrs. [name] is [age]."),
    ("Dictated by: {}.", "Dictated by: [name]."),
    ("Attending Radiologist: {}.", "Attending Radiologist: [name]."),
    ("Patient name: {}.", "Patient name: [name]."),
    ("{} was notified by telephone at 555-123-4567.", "[name] was notified by telephone at [phone]."),
]


@pytest.mark.shared
def test_what_is_planted_in_real_reports_goes_and_nothing_else_does(capsys):
    draw = random.Random(0)
    missed, damaged = [], []
    texts = [text for text in draw.sample(real_reports(), 300) if scrub(text) == text]
    for text in texts:
        sentences = text.split(". ")
        where = draw.randint(0, len(sentences) - 1)
        given, expected = draw.choice(PLANTED)
        planted = ". ".join([*sentences[:where], given.format(draw.choice(PEOPLE)).rstrip("."), *sentences[where:]])
        wanted = ". ".join([*sentences[:where], expected.rstrip("."), *sentences[where:]])
        found = scrub(planted)
        if found != wanted:
            (damaged if expected in found else missed).append((planted, found))
    with capsys.disabled():
        sys.stdout.write(f"\n{len(missed)} of {len(texts)} missed, {len(damaged)} with more changed than planted\n")
    assert not missed
    assert not damaged
