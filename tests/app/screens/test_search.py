"""Searching by text and image: what is found, what is told, what stays out of sight."""

import pytest
from app.asking import QUERY, asked, found, said

from medxpert.abstention.abstainer import Abstainer, Judgement
from medxpert.app import access
from medxpert.app.searching import results
from medxpert.app.searching.choosing import MOST
from medxpert.assistant import Assistant, Shown
from medxpert.cases import Cases
from medxpert.drafting import Drafting
from medxpert.gating import Gate
from medxpert.reporters.template import TemplateReporter
from medxpert.run import Run
from medxpert.searching import find
from medxpert.searching.describe import describe

HOSTILE = "<img src=x onerror=alert(1)>[a](javascript:alert(1)).png"


@pytest.fixture
def run(project) -> Run:
    return Run((project / "outputs" / "latest").resolve())


@pytest.fixture
def radiograph(run) -> bytes:
    return (run.path / "samples" / "sample_3.png").read_bytes()


def upload(drawn, name, content):
    return drawn.file_uploader[0].set_value((name, content, "image/png")).run()


def test_an_empty_screen_says_what_can_be_done(screen):
    drawn = screen("search")
    assert not drawn.exception
    assert not drawn.error
    assert "By voice" in said(drawn)
    assert "<article" not in said(drawn)
    assert drawn.pills(key="search.example").options
    drawn.toggle(key="search.whole").set_value(True).run()
    assert not drawn.exception
    assert any(" cases. The two directions" in one.value for one in drawn.caption)


def test_a_text_finds_what_the_assistant_finds_and_stands_in_the_address(screen, run):
    drawn = asked(screen("search", "top_k=4"))
    expected = Assistant(run, Drafting(Gate(TemplateReporter()))).ask_text(QUERY, Shown(4))
    assert found(drawn).hits == expected.hits
    assert said(drawn).count("<article") == 4
    assert "q" not in drawn.query_params  # what is typed is private unless said
    assert asked(screen("search", "policy=open")).query_params["q"] == QUERY
    assert not drawn.pills
    empty = asked(drawn, " ")
    assert "By voice" in said(empty)
    assert "q" not in empty.query_params


def test_an_example_and_an_address_are_searched_at_once(screen):
    drawn = screen("search")
    drawn.pills(key="search.example").set_value("enlarged heart").run()
    assert found(drawn).text == "enlarged heart"
    assert drawn.text_input(key="search.query").value == "enlarged heart"
    drawn.query_params["q"] = "rib fracture"
    assert found(drawn.run()).text == "rib fracture"
    assert found(asked(drawn, "edema")).text == "edema"


def test_a_hostile_text_is_text(screen):
    drawn = asked(screen("search"), HOSTILE)
    assert "<img src=x" not in said(drawn)
    assert "&lt;img src=x onerror=alert(1)&gt;" in said(drawn)


def test_an_image_finds_what_the_assistant_finds(screen, run, radiograph):
    drawn = upload(screen("search", "top_k=4"), HOSTILE, radiograph)
    path = drawn.session_state["image"].path
    expected = Assistant(run, Drafting(Gate(TemplateReporter()))).ask_image(path, Shown(4))
    assert expected.hits
    assert found(drawn).hits == expected.hits
    assert "<img src=x" not in said(drawn)
    assert "&lt;img src=x" in said(drawn)
    assert not [one for one in drawn.slider if one.key == "search.weight"]
    drawn.button(key="search.without").click().run()
    assert "By voice" in said(drawn)


def test_image_and_text_are_weighed(screen, radiograph):
    drawn = asked(upload(screen("search"), "a.png", radiograph))
    assert found(drawn).weight == 0.5
    middle = found(drawn).vector
    drawn.slider(key="search.weight").set_value(0.9).run()
    assert found(drawn).weight == 0.9
    assert found(drawn).vector != pytest.approx(middle)


def test_the_current_image_is_offered(screen, radiograph):
    drawn = upload(screen("search"), "a.png", radiograph)
    drawn.button(key="search.without").click().run()
    drawn.button(key="search.current").click().run()
    assert found(drawn).weight == 1


def test_what_is_no_image_is_refused_in_one_line(screen):
    drawn = upload(asked(screen("search")), "a.png", b"just words")
    assert "mx-fault" in said(drawn)
    assert found(drawn).text == QUERY
    assert "image" not in drawn.session_state


def test_an_image_of_another_kind_is_told(screen, radiograph, monkeypatch):
    judged = Judgement(True, "It is <b>no</b> radiograph.", 9.0, 1.0)
    monkeypatch.setattr(Abstainer, "judge", lambda self, pixels, vector: judged)
    drawn = upload(screen("search"), "noise.png", radiograph)
    assert not found(drawn).hits
    assert "No search by this image: It is &lt;b&gt;no&lt;/b&gt; radiograph." in said(drawn)
    assert "<article" not in said(drawn)


def test_beside_a_text_an_image_of_another_kind_is_left_out(screen, radiograph, monkeypatch):
    judged = Judgement(True, "It is <b>no</b> radiograph.", 9.0, 1.0)
    monkeypatch.setattr(Abstainer, "judge", lambda self, pixels, vector: judged)
    drawn = asked(upload(screen("search"), "noise.png", radiograph))
    assert found(drawn).hits
    assert "left out and the text alone searched for: It is &lt;b&gt;no&lt;/b&gt; radiograph." in said(drawn)
    assert "<article" in said(drawn)
    assert "this image" not in said(drawn)
    assert not drawn.warning
    drawn.slider(key="search.weight").set_value(0.0).run()
    assert found(drawn).judged is None
    assert "left out" not in said(drawn)


def test_doubt_about_an_image_is_told(screen, radiograph, monkeypatch):
    judged = Judgement(False, "It is far away.", 1.1, 1.2, doubtful=True)
    monkeypatch.setattr(Abstainer, "judge", lambda self, pixels, vector: judged)
    drawn = upload(screen("search"), "odd.png", radiograph)
    assert [one.value for one in drawn.warning] == ["It is far away."]
    assert "<article" in said(drawn)


def test_a_query_that_the_cases_deny_is_told(screen, monkeypatch):
    monkeypatch.setattr(find, "disagreeing", lambda text, verdicts: ["Edema"])
    drawn = asked(screen("search"))
    assert [one.value for one in drawn.warning] == ["The cases found do not agree with the query about: Edema."]


def test_filters_and_directions(screen):
    drawn = asked(screen("search"))
    drawn.selectbox(key="search.filter.label").set_value("Pleural Effusion").run()
    assert all(hit.labels["Pleural Effusion"] == 1 for hit in found(drawn).hits)
    drawn.button(key="search.clear").click().run()
    assert drawn.selectbox(key="search.filter.label").value == "any"
    drawn.segmented_control(key="search.match").set_value("text").run()
    texts = [" ".join(hit.text.casefold().split()) for hit in found(drawn).hits]
    assert len(set(texts)) == len(texts) == len(found(drawn).studies)
    drawn.toggle(key="search.distinct").set_value(False).run()
    assert not found(drawn).studies
    assert drawn.slider(key="search.top_k").max == MOST


@pytest.mark.parametrize("kind", ["Principal axes", "Two observations"])
def test_the_map_has_the_query_in_it(screen, kind):
    drawn = asked(screen("search"))
    drawn.segmented_control(key="search.view").set_value("map").run()
    drawn.segmented_control(key="search.plane").set_value(kind).run()
    assert not drawn.exception
    assert drawn.get("arrow_vega_lite_chart") or drawn.get("vega_lite_chart")
    assert any("cases." in one.value for one in drawn.caption)


def test_the_table_shows_the_same_cases(screen):
    drawn = asked(screen("search", "top_k=3"))
    drawn.segmented_control(key="search.view").set_value("table").run()
    assert list(drawn.dataframe[0].value["study_id"]) == [hit.study_id for hit in found(drawn).hits]


def _with_policies(monkeypatch, change):
    real = Cases.column
    monkeypatch.setattr(
        Cases, "column", lambda self, name: change(real(self, name)) if name == "policy" else real(self, name)
    )
    describe.cache_clear()


@pytest.fixture
def _forget():
    yield
    describe.cache_clear()


@pytest.mark.usefixtures("_forget")
def test_a_run_without_open_cases_is_closed(screen, monkeypatch):
    _with_policies(monkeypatch, lambda policies: ["private"] * len(policies))
    drawn = screen("search")
    assert "authenticated sessions only" in drawn.warning[0].value
    assert "search.query" not in drawn.session_state
    monkeypatch.setattr(access, "may_see", lambda policy: True)
    assert not drawn.run().warning


@pytest.mark.usefixtures("_forget")
def test_of_a_mixed_run_only_what_is_open_is_searched(screen, monkeypatch):
    _with_policies(monkeypatch, lambda policies: ["open", *["private"] * (len(policies) - 2), "open"])
    drawn = asked(screen("search"))
    assert len(found(drawn).hits) == 2
    assert any("that are not open are not searched" in one.value for one in drawn.caption)
    drawn.segmented_control(key="search.view").set_value("map").run()
    assert any(one.value.startswith("2 cases. ") and "are left out" in one.value for one in drawn.caption)
    monkeypatch.setattr(access, "may_see", lambda policy: True)
    assert len(found(drawn.run()).hits) > 2


def test_a_search_is_done_once(screen, monkeypatch):
    count = []
    real = find.Searching.find
    monkeypatch.setattr(results.Searching, "find", lambda *given, **more: count.append(1) or real(*given, **more))
    drawn = asked(screen("search"))
    for view in ("table", "cards"):
        drawn.segmented_control(key="search.view").set_value(view).run()
    assert len(count) == 1
    drawn.slider(key="search.top_k").set_value(2).run()
    assert len(count) == 2
