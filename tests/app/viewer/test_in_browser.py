"""The viewer in Debian's chromium, on a page of its own."""

import re

import numpy as np
import pytest

pytestmark = pytest.mark.browser


def test_dragging_windows_pans_and_zooms(show):
    screen = show("one")
    first = screen.pixels()
    screen.drag(-120, 0)
    assert screen.setting().startswith("W 160")
    assert np.abs(screen.pixels() - first).max() > 30
    screen.press("r")
    np.testing.assert_array_equal(screen.pixels(), first)
    screen.press("z")
    screen.drag(0, -200)
    assert screen.zoom() > 2 * 133
    zoomed = screen.pixels()
    screen.drag(60, 0, button="middle")
    np.testing.assert_allclose(screen.pixels()[:, 60:], zoomed[:, :-60], atol=2)
    screen.drag(0, 80, button="right")
    assert "C 127.5" not in screen.setting()
    assert not screen.errors


def test_inverting_inverts(show):
    screen = show("one")
    film = screen.pixels()[200, 300:600, 0]
    screen.press("i")
    np.testing.assert_allclose(screen.pixels()[200, 300:600, 0], 255 - film, atol=1)
    assert screen.page.get_by_role("button", name="Invert").get_attribute("aria-pressed") == "true"


def test_all_12_bits_can_be_windowed_and_read(show):
    screen = show("deep")
    area = screen.stage().bounding_box()
    # 200 film pixels are 400 stage pixels high
    left = area["x"] + (area["width"] - 400) / 2
    screen.page.mouse.move(left + 2 * 33 + 1, area["y"] + 2 * 77 + 1)
    screen.settle()
    reading = screen.page.locator(".reading").text_content()
    assert reading == f"x 33 y 77 · value {(77 * 200 + 33) % 4096}"
    for _ in range(60):
        screen.press("[")
    width = float(re.search(r"W ([\d.]+)", screen.setting())[1])
    assert width < 64
    # of 256 greys no more than 4 would lie within this window
    greys = np.unique(screen.pixels()[1::2, 1::2, 0])
    assert ((greys > 0) & (greys < 255)).sum() > 20


def test_a_rerun_changes_nothing(show):
    screen = show("one")
    screen.press("+")
    screen.press("+")
    screen.drag(-80, 30)
    setting, pixels = screen.setting(), screen.pixels()
    canvas = screen.page.locator("canvas").element_handle()
    screen.rerun()
    assert screen.setting() == setting
    np.testing.assert_array_equal(screen.pixels(), pixels)
    assert canvas.evaluate("(canvas) => canvas.isConnected")


def test_another_overlay_on_the_same_film_changes_nothing_else(show):
    screen = show("heat")
    screen.press("+")
    screen.press("i")
    screen.page.locator("input[name=opacity]").fill("200")
    setting, pixels = screen.setting(), screen.pixels()
    screen.rerun()
    screen.page.get_by_text("film, run 2").wait_for()
    assert screen.setting() == setting
    np.testing.assert_array_equal(screen.pixels(), pixels)


def test_a_viewer_that_comes_back_is_as_it_was(show):
    screen = show("one")
    screen.press("+")
    screen.press("3")
    setting = screen.setting()
    screen.page.get_by_text("shown").click()
    screen.page.locator(".stage").wait_for(state="detached")
    screen.page.get_by_text("shown").click()
    screen.page.locator(".setting").wait_for()
    assert screen.setting() == setting


def test_everything_has_a_key(show):
    screen = show("one")
    fit = screen.zoom()
    changes = {
        "+": lambda: screen.zoom() > fit,
        "f": lambda: screen.zoom() == fit,
        "o": lambda: screen.zoom() == 100,
        "2": lambda: screen.page.locator("select").input_value() == "lungs",
        "]": lambda: screen.page.locator("select").input_value() == "own",
        "Shift+ArrowUp": lambda: "C 68" in screen.setting() or "C 7" in screen.setting(),
        "r": lambda: "W 255 · C 127.5" in screen.setting(),
        "?": lambda: screen.page.get_by_role("dialog", name="Keys").is_visible(),
    }
    for key, happened in changes.items():
        screen.press(key)
        screen.until(happened, key)
    screen.page.keyboard.press("Escape")
    assert not screen.page.locator(".help").is_visible()
    # none of these is the page's: r would draw it anew, c would ask about its cache
    assert screen.page.get_by_text("run 1", exact=True).is_visible()


def test_the_wheel_zooms_about_the_pointer_and_lets_the_page_scroll_past(show):
    screen = show("one")
    fit = screen.zoom()
    area = screen.stage().bounding_box()
    screen.page.mouse.move(area["x"] + 300, area["y"] + 100)
    screen.settle()
    before = screen.page.locator(".reading").text_content()
    screen.page.mouse.wheel(0, -240)
    screen.until(lambda: screen.zoom() > 1.3 * fit)
    screen.page.mouse.wheel(0, 400)
    screen.page.mouse.wheel(0, 400)
    screen.until(lambda: screen.zoom() == fit)
    assert screen.page.locator(".reading").text_content()[:6] == before[:6]
    taken = "(stage) => !stage.dispatchEvent(new WheelEvent('wheel', {deltaY: %d, cancelable: true}))"
    assert screen.stage().evaluate(taken % 100) is False
    assert screen.stage().evaluate(taken % -100) is True


def test_linked_films_move_together_until_they_are_unlinked(show):
    screen = show("two")
    fits = [screen.zoom(0), screen.zoom(1)]
    screen.press("+", 0)
    screen.press("i", 1)
    zooms = [screen.zoom(0), screen.zoom(1)]
    assert zooms == pytest.approx([1.25 * fit for fit in fits], abs=1)
    assert all("inverted" in screen.setting(index) for index in (0, 1))
    screen.press("l")
    screen.press("f", 1)
    assert [screen.zoom(0), screen.zoom(1)] == [zooms[0], fits[1]]
    screen.press("l", 1)
    assert screen.zoom(0) == fits[0]


def test_heat_maps_have_opacity_threshold_peak_and_legend(show):
    screen = show("heat")
    with_heat = screen.pixels()
    height, width = with_heat.shape[:2]
    y, x = int(0.6875 * height), int((width - 600) / 2 + 0.3125 * 600)
    red, _, blue = with_heat[y - 18, x, :3]
    assert red > blue + 40
    assert screen.page.locator(".legend").text_content() == "Edema01"
    for name in ("threshold", "opacity"):
        before = screen.pixels()
        screen.page.locator(f"input[name={name}]").fill("900")
        assert (screen.pixels() != before).any(), name
    screen.press("m")
    screen.press("h")
    plain = screen.pixels()
    assert (plain[..., 0] == plain[..., 2]).all()
    assert not screen.page.locator(".legend").is_visible()


def test_a_hostile_name_is_text(show, hostile_name):
    screen = show("one")
    assert screen.page.locator(".label").text_content() == hostile_name
    assert screen.page.locator(".viewer img").count() == 0
    assert screen.page.title() != "hit"
    assert hostile_name in screen.stage().get_attribute("aria-label")


def test_every_control_has_a_name(show):
    screen = show("heat")
    nameless = screen.page.locator(".viewer").evaluate(
        """(viewer) => [...viewer.querySelectorAll("button, input, select, .stage")]
            .filter((one) => !(one.getAttribute("aria-label") || one.textContent.trim() || one.labels?.length))
            .map((one) => one.outerHTML)"""
    )
    assert nameless == []


def test_two_fingers_zoom(show):
    screen = show("one", has_touch=True)
    fit, area = screen.zoom(), screen.stage().bounding_box()
    middle, down = area["x"] + area["width"] / 2, area["y"] + area["height"] / 2
    touch = screen.page.context.new_cdp_session(screen.page)
    for kind, apart in (("touchStart", 40), ("touchMove", 80), ("touchMove", 120), ("touchEnd", None)):
        places = [] if apart is None else [{"x": middle + side * apart, "y": down, "id": side + 1} for side in (-1, 1)]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})
    screen.until(lambda: screen.zoom() == pytest.approx(3 * fit, rel=0.1))
    assert screen.setting().startswith("W 255")


def test_the_stage_follows_its_column(show):
    screen = show("two", device_scale_factor=2)
    screen.page.set_viewport_size({"width": 500, "height": 800})

    def follows():
        area, canvas = screen.stage().bounding_box(), screen.pixels()
        return canvas.shape[:2] == (2 * round(area["height"]), 2 * round(area["width"]))

    screen.until(lambda: screen.stage().bounding_box()["width"] < 500)
    screen.until(follows)
    assert screen.pixels()[..., :3].max() > 200


@pytest.mark.parametrize(("films", "rows"), [("one", 1), ("heat", 2)])
def test_in_a_narrow_column_the_tools_stand_in_whole_rows(show, films, rows):
    screen = show(films)
    screen.page.locator(".viewer").evaluate("(viewer) => viewer.parentElement.style.width = '461px'")
    screen.settle()
    tops = [one.bounding_box()["y"] for one in screen.page.locator(".bar button:visible").all()]
    counts = [tops.count(top) for top in sorted(set(tops))]
    assert len(counts) == rows
    assert min(counts) >= 6
