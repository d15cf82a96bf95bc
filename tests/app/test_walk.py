"""The whole app in Debian's chromium: every screen with real uploads, a voice, and files and reports that attack it."""

import os
import re
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from app import walking
from app.load.serving import module, served
from app.walking import FILE, IMAGE, LINKS, RUN, SHOWN_FILE, TEXT

pytestmark = pytest.mark.browser

DESKTOP, TABLET = {"width": 1280, "height": 900}, {"width": 820, "height": 1180}
SCREENS = ("Diagnose", "Search", "Ask", "Compare", "Reports", "Runs", "Reader study")
QUERY = "left pleural effusion"
UNSURE = ("rule.present=0.2", "rule.uncertain=0.12")  # a model that learned for a minute is sure of little


@pytest.fixture(scope="module")
def trained(train_small, script, tmp_path_factory):
    """Return a run with a model that is sure of something, which that of the other tests is not, and its tables."""
    folder = tmp_path_factory.mktemp("trained")
    for outcome in (train_small(folder, "data.num_studies=600", "trainer.max_epochs=4"), script(folder, "evaluate.py")):
        assert outcome.status == 0, outcome.err[-4000:]
    return (folder / "outputs" / "latest").resolve()


@pytest.fixture(scope="module")
def place(trained, tmp_path_factory):
    """Return a working folder with that run, and beside it one whose reports attack whoever reads them."""
    folder = tmp_path_factory.mktemp("walk")
    walking.lay_out(trained, folder)
    return folder


@pytest.fixture(scope="module")
def address(place):
    with served(module, place, f"folder={place / 'app'}", *UNSURE) as server:
        yield server.place
        assert "Traceback" not in server.log.read_text()


@pytest.fixture(scope="module")
def shots(tmp_path_factory):
    folder = Path(os.environ.get("MEDXPERT_SCREENS") or tmp_path_factory.mktemp("screens"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def voice(tmp_path_factory):
    return walking.recording(tmp_path_factory.mktemp("voice") / "said.wav")


@pytest.fixture(scope="module")
def browser(voice):
    with walking.chromium(voice.path) as opened:
        yield opened


@pytest.fixture
def enter(browser, address, shots):
    """Return what lets a user in, with the token, on the first screen."""
    with ExitStack() as stack:
        yield lambda size=DESKTOP: stack.enter_context(walking.walks(browser, size, address, shots))


def test_an_upload_with_a_hostile_name_is_read_and_reported(enter, place):
    walker = enter()
    walker.drop(FILE, walking.png(walking.radiograph(place)))
    walker.says(SHOWN_FILE)
    walker.says("Looked at, weighed and written in")
    walker.expect(walker.page.get_by_role("heading", name="Impression")).to_be_visible()
    walker.expect(walker.page.locator(".mx-card").nth(5)).to_be_attached()
    walker.shoot("diagnose")
    cited = walker.page.locator("a.mx-cite").first
    cited.click()
    card = walker.page.locator(cited.get_attribute("href"))
    walker.expect(card).to_contain_text("cited as")
    walker.until_seen(card)
    walker.press("PDF")
    with walker.page.expect_download() as got:
        walker.press(re.compile("^Save .*pdf"))
    assert Path(got.value.path()).read_bytes().startswith(b"%PDF")


@pytest.mark.filterwarnings("ignore:The number of PN components")
def test_a_dicom_whose_header_attacks(enter, place, write_dicom, tmp_path):
    header = {"PatientName": IMAGE, "StudyDescription": LINKS, "StudyDate": "20240102", "Modality": "DX"}
    path = write_dicom(tmp_path / "film.dcm", walking.radiograph(place).astype(np.uint16) * 16, **header)
    walker = enter()
    walker.drop("film.dcm", path.read_bytes())
    walker.page.locator(".mx-film").get_by_text("film.dcm").wait_for()
    walker.says("Looked at, weighed and written in")
    walker.page.locator(".stage").focus()
    walker.page.keyboard.press("i")
    walker.page.locator('button[data-act="invert"][aria-pressed="true"]').wait_for()
    walker.shoot("diagnose_dicom")


@pytest.mark.parametrize("viewport", [DESKTOP, TABLET], ids=["desktop", "tablet"])
def test_a_search_by_words(enter, viewport):
    walker = enter(viewport)
    walker.open("Search")
    walker.search(QUERY)
    walker.page.locator(".mx-card").nth(5).wait_for()
    walker.expect(walker.page.locator(".mx-card mark").first).to_be_attached()
    with walker.page.expect_download() as got:
        walker.press("CSV")
    assert Path(got.value.path()).read_text().startswith("rank,score,study_id")
    walker.shoot("search" if viewport is DESKTOP else "tablet_search")
    walker.choose("Map")
    walker.page.get_by_test_id("stVegaLiteChart").locator("canvas, svg.marks").first.wait_for()
    walker.shoot("search_map" if viewport is DESKTOP else "tablet_map")


def test_a_search_by_voice(enter, voice):
    walker = enter()
    walker.open("Search")
    walker.press("Speak")
    walker.press("Record", exact=True)
    walker.says(re.compile("00:0[4-9]"))
    walker.press("Stop recording")
    if not voice.said:
        walker.says("Not understood")
        return
    walker.says("Heard")
    walker.page.locator(f'input[value="{voice.said}"]').wait_for()
    walker.shoot("search_voice")
    walker.press("Search", exact=True)
    walker.says(f"cases for “{voice.said}”")


def test_a_conversation(enter):
    walker = enter()
    walker.open("Ask")
    walker.choose("What is seen on this image?")
    walker.says("Confidence")
    asked = ("Is there a pneumothorax?", "Which side?", f"Is there {TEXT}?")
    for question in asked:
        walker.write(walker.page.get_by_placeholder("Ask about this image"), question)
        walker.says(question)
        walker.rest()
    walker.says("Read as: Which side is the pneumothorax on?")
    walker.shoot("ask")
    walker.expect(walker.page.locator(".mx-reply")).to_have_count(1 + len(asked))
    walker.page.get_by_text(re.compile("^Evidence: ")).first.click()
    walker.until_seen(walker.page.get_by_text("Each source's own calibrated probability").first)


def test_a_comparison(enter):
    walker = enter()
    walker.open("Compare")
    walker.page.get_by_role("combobox", name="Earlier study").click()
    walker.page.get_by_role("option", name="Sample 2").click()
    walker.says("What changed")
    walker.says("These two samples are of different patients")
    walker.expect(walker.page.locator(".stage")).to_have_count(2)
    walker.shoot("compare")
    before = walker.page.locator(".setting").first.text_content()
    walker.page.locator(".stage").first.press("+")
    # each film is painted with the next picture of the screen
    walker.until_both_say_other(before)


def test_a_report_is_edited_saved_and_opened_again(enter):
    walker = enter()
    walker.choose("Edit")
    walker.page.get_by_role("textbox", name=re.compile("^Sentence on")).fill(TEXT)
    walker.page.get_by_role("textbox", name=re.compile("^Sentence on")).press("Control+Enter")
    walker.write(walker.page.get_by_placeholder("Who reviewed it"), IMAGE)
    walker.press("Save report")
    walker.says("Saved as version 1.")
    walker.open("Reports")
    walker.says("Tick a report to open it.")
    walker.shoot("reports_list")
    walker.tick(walker.page.get_by_test_id("stDataFrame"))
    walker.says("Version 1 of 1")
    walker.says(LINKS)
    walker.shoot("reports")
    walker.page.get_by_role("tab", name="History (1)").click()
    walker.says(f"Version 1 {IMAGE}")


def test_the_runs(enter):
    walker = enter()
    walker.open("Runs")
    walker.says("image → text · identity")
    walker.expect(walker.page.locator(".mx-table tr.main").first).to_be_attached()
    walker.shoot("runs")
    walker.page.get_by_role("tab", name="Plots").click()
    walker.page.get_by_test_id("stImage").locator("img").first.wait_for()


def test_a_reader_study(enter):
    walker = enter()
    walker.open("Reader study")
    walker.choose("Coordinate")
    walker.page.get_by_role("textbox", name="Name", exact=True).fill("Pilot")
    walker.page.get_by_role("spinbutton", name="Cases").fill("3")
    walker.press("Draw the cases")
    walker.press("Open to readers")
    walker.says("No reader yet")
    walker.choose("Read")
    walker.page.get_by_role("textbox", name="Your name or code").fill("Dr. A")
    walker.press("Begin, or go on")
    walker.says("0 of")
    for group in walker.page.locator(".st-key-reader_study-rating").get_by_role("radiogroup").all():
        group.locator("label").nth(1).click()
        walker.rest()
    walker.shoot("reader_study")
    walker.press("Submit and go on")
    walker.says("1 of")


def test_reports_of_the_gallery_that_attack(enter):
    walker = enter()
    walker.page.get_by_role("combobox", name="Run").click()
    walker.page.get_by_role("option", name=RUN).click()
    walker.says(LINKS)
    for name in SCREENS:
        walker.open(name)
        walker.check()
    walker.open("Search")
    walker.search(f"{QUERY} {IMAGE}")
    card = walker.page.locator(".mx-card").first
    for told in (LINKS, IMAGE):
        walker.says(told, card)
    walker.shoot("search_hostile")
    for view in ("Table", "Map"):
        walker.choose(view)
        walker.rest()
        walker.check()


def test_the_keyboard_reaches_what_matters(enter):
    walker = enter()
    walker.tab_to(["Search", "Upload", "Sample 1", "Window", "Accept", "Save report"])


def test_everything_fits_on_a_tablet(enter):
    walker = enter(TABLET)
    walker.shoot("tablet")
    for name in SCREENS:
        walker.open(name)
        walker.until_it_fits()
        walker.shoot(f"tablet_{name.lower().replace(' ', '_')}")
