"""Which words of a report are marked."""

import pytest

from medxpert.marking import Span, by_any, by_observations, by_query, by_report, merged, pieces
from medxpert.reporting import Finding, Report


def shown(text, mark):
    return "".join(f"[{one.text}]" if one.marked else one.text for one in pieces(text, mark(text)))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("left pleural effusion", "Small [left pleural effusion]. The heart is enlarged."),
        ("LEFT PLEURAL EFFUSIONS", "Small [left pleural effusion]. The heart is enlarged."),
        ("a small heart", "[Small] left pleural effusion. The [heart] is enlarged."),
        ("fluid on the left", "Small [left pleural effusion]. The heart is enlarged."),
        ("cardiomegaly", "Small left pleural effusion. The [heart] is enlarged."),
        ("no cardiomegaly", "Small left pleural effusion. The heart is enlarged."),
        ("no left effusion", "Small left pleural effusion. The heart is enlarged."),
        ("is there any of the", "Small left pleural effusion. The heart is enlarged."),
        ("", "Small left pleural effusion. The heart is enlarged."),
    ],
)
def test_words_of_the_query_and_what_it_asks_for(query, expected):
    assert shown("Small left pleural effusion. The heart is enlarged.", by_query(query)) == expected


@pytest.mark.parametrize(
    ("query", "text", "expected"),
    [
        ("large effusion", "No large pleural effusion.", "No large pleural effusion."),
        ("no effusion", "No large pleural effusion.", "No large [pleural effusion]."),
        ("effusion", "Left effusion, no right effusion.", "Left [effusion], no right effusion."),
        ("effusion", "No effusion. Left effusion. No effusion.", "No effusion. Left [effusion]. No effusion."),
        ("left effusion", "No effusion. Left rib fracture.", "No effusion. [Left] rib fracture."),
        ("effusion", "Effusion cannot be excluded.", "[Effusion] cannot be excluded."),
    ],
)
def test_the_contrary_is_not_marked(query, text, expected):
    assert shown(text, by_query(query)) == expected


def test_places_are_those_of_the_text_as_written():
    text = "İİ. Pleural\nEFFUSION <b>"
    assert [text[span.start : span.end] for span in by_query("effusion")(text)] == ["Pleural\nEFFUSION"]


def test_observations_are_marked_by_what_is_said_of_them():
    text = "No effusion. Mild edema. Possible pneumonia."
    assert shown(text, by_observations({"Edema": (1, -1), "Pleural Effusion": (1, -1), "Pneumonia": (1,)})) == (
        "No effusion. Mild [edema]. Possible pneumonia."
    )
    assert by_observations({})(text) == []


def test_a_report_marks_what_it_calls_present():
    def report(*findings):
        return Report("", "", findings, (), (), (), "template")

    edema, effusion = Finding("Edema", "present", ""), Finding("Pleural Effusion", "absent", "")
    text = "No effusion. Mild edema."
    assert shown(text, by_report(report(edema, effusion))) == "No effusion. Mild [edema]."
    assert shown(text, by_report(report(effusion))) == "No [effusion]. Mild edema."
    assert shown(text, by_report(report())) == text


def test_several_markers_mark_together():
    mark = by_any(by_query("left"), by_observations({"Edema": (1,)}))
    assert shown("Left edema, left base.", mark) == "[Left edema], [left] base."


def test_spans_are_ordered_and_joined():
    text = "a b-c, d"
    assert merged(text, [Span(2, 3), Span(0, 1), Span(4, 5), Span(7, 8)]) == [Span(0, 5), Span(7, 8)]
    assert merged(text, [Span(0, 5), Span(2, 3)]) == [Span(0, 5)]
    assert merged(text, []) == []


@pytest.mark.parametrize("spans", [[], [(3, 5)], [(5, 7), (0, 2)], [(0, 9), (1, 2)], [(4, 4), (-1, 3)], [(2, 99)]])
def test_pieces_are_the_text(spans):
    text = "no effusion"
    assert "".join(one.text for one in pieces(text, spans)) == text


@pytest.mark.parametrize("text", ["<mark>", "effusion" * 3000, "\u202eeffusion", "effusion\x00"])
def test_any_text_is_taken(text):
    assert "".join(one.text for one in pieces(text, by_query("effusion")(text))) == text
