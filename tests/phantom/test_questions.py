from collections import Counter, defaultdict

import numpy as np
import pytest

from medxpert.ontology import NO_FINDING, OBSERVATIONS, PATHOLOGIES
from medxpert.phantom.facts import Film, course_of, films_of, grade_of, graded, pairs_of, side_of, sided
from medxpert.phantom.findings import draw_finding
from medxpert.phantom.look import LOOKS
from medxpert.phantom.patients import draw_patient
from medxpert.phantom.questions import COUNTS, MOST, MOST_OTHER, NO_PRIOR, ask
from medxpert.phantom.wording import wordings

PATIENTS = 250


def drawn(look):
    studies = [study for patient in range(PATIENTS) for study in draw_patient(7, patient, LOOKS[look])]
    ids = [f"{one.patient}-s{one.number}" for one in studies]
    return films_of(ids, [str(one.patient) for one in studies], [{"image": one.scene.to_json()} for one in studies])


FILMS = {look: drawn(look) for look in ("default", "shift")}
ASKED = {look: ask(films, look) for look, films in FILMS.items()}


def finding(kind="effusion", severity=1, side="left", seed=1, faint=False):
    found = vars(draw_finding(kind, np.random.default_rng(0)))
    return found | {"severity": severity, "side": side, "seed": seed, "faint": faint}


@pytest.fixture(params=["default", "shift"])
def look(request):
    return request.param


def test_every_answer_is_equally_frequent_for_every_wording(look):
    counts = defaultdict(Counter)
    for one in ASKED[look]:
        if one.kind not in ("open", "other"):
            counts[one.kind, one.observation, one.template, one.question][one.answer] += 1
    assert len(counts) > 150
    for words, found in counts.items():
        assert len(set(found.values())) == 1, (words, found)
        assert len(found) >= 2


def test_answers_are_those_of_the_kind(look):
    answers = defaultdict(set)
    for one in ASKED[look]:
        if one.answerable:
            answers[one.kind].add(one.answer)
    assert answers["presence"] == {"yes", "no"}
    assert answers["side"] == {"left", "right", "bilateral"}
    assert answers["severity"] == {"mild", "moderate", "severe"}
    assert answers["count"] == set(map(str, COUNTS))
    assert answers["change"] == {"new", "resolved", "worse", "better", "unchanged"}


def test_answers_are_what_the_films_show(look):
    films = {film.study_id: film for film in FILMS[look]}
    for one in ASKED[look]:
        film, found = films[one.study_id], films[one.study_id].shown(one.observation)
        assert film.patient_id == one.patient_id
        match one.kind, one.answer:
            case "presence", _ if one.observation == NO_FINDING:
                assert (one.answer == "yes") == (not film.findings)
            case "presence", answer:
                sides = {side for item in found for side in ("left", "right") if item["side"] in (side, "bilateral")}
                grades = {("mild", "moderate", "severe")[item["severity"] - 1] for item in found if item["severity"]}
                there = bool(found) and one.side in {"", *sides} and one.severity in {"", *grades}
                assert there == (answer == "yes"), one
            case (("side" | "severity"), ""):
                assert not found
                assert not one.answerable
            case "count", answer:
                assert len({item["observation"] for item in film.findings} & set(PATHOLOGIES)) == int(answer)
            case "change", "":
                assert one.reason == NO_PRIOR
                assert not one.prior_id
            case "change", answer:
                before = films[one.prior_id]
                assert before.patient_id == one.patient_id
                assert before.study_id < film.study_id
                there = bool(before.shown(one.observation)), bool(found)
                known = {"new": (False, True), "resolved": (True, False), "unchanged": (there[1], there[0])}
                assert there == known.get(answer, (True, True))
            case "open", answer:
                assert answer == "; ".join(film.pathologies)


def test_half_of_the_no_show_the_finding_elsewhere(look):
    films = {film.study_id: film for film in FILMS[look]}
    no = [one for one in ASKED[look] if one.side and one.answer == "no" and one.observation == "Pleural Effusion"]
    shown = sum(bool(films[one.study_id].shown(one.observation)) for one in no)
    assert MOST // 2 < len(no) <= MOST
    assert abs(shown - len(no) / 2) <= 1


def test_only_reasons_that_words_show_are_of_kind_other(look):
    reasons = Counter(one.reason for one in ASKED[look] if not one.answerable)
    of_words = {one.reason for one in ASKED[look] if one.kind == "other"}
    assert of_words == set(wordings(look)["other"])
    assert all(reasons[reason] == MOST_OTHER for reason in of_words)
    assert reasons.keys() - of_words == {NO_PRIOR, "side of what is absent", "severity of what is absent"}
    assert all(bool(one.reason) != one.answerable for one in ASKED[look])
    answerable = {one.question for one in ASKED[look] if one.answerable}
    assert not any(one.question in answerable for one in ASKED[look] if one.kind == "other")
    assert all(one.question in answerable for one in ASKED[look] if one.reason and one.kind != "other")


def test_a_whole_is_not_asked_of_a_film_that_shows_a_part(look):
    films = {film.study_id: film for film in FILMS[look]}
    wholes = [one for one in ASKED[look] if one.observation == "Lung Opacity"]
    assert wholes
    assert not any(films[one.study_id].shown("Consolidation") for one in wholes)


def test_questions_are_whole_sentences(look):
    for one in ASKED[look]:
        assert not set("{}") & set(one.question)
        assert "  " not in one.question
        assert one.question[0].isupper()
        assert one.question[-1] in "?."
        assert " a a" not in one.question
        assert "a effusion" not in one.question
        assert one.side in one.question.lower()


def test_the_two_looks_share_no_sentence():
    sentences = [
        {text for key in ("presence", "side", "severity", "count", "change", "open") for text in wordings(look)[key]}
        | {text for texts in wordings(look)["other"].values() for text in texts}
        for look in ("default", "shift")
    ]
    assert not sentences[0] & sentences[1]


def test_every_observation_has_names(look):
    assert set(wordings(look)["names"]) == set(OBSERVATIONS) - {NO_FINDING}
    assert set(wordings(look)["grades"]) == set(graded())


def test_the_same_seed_asks_the_same_and_another_does_not():
    films = FILMS["default"][:60]
    assert ask(films, seed=3) == ask(films, seed=3)
    assert ask(films, seed=3) != ask(films, seed=4)


def test_no_films_no_questions_but_none_that_fail():
    assert ask([]) == ()
    alone = ask(FILMS["default"][:1])
    assert {one.kind for one in alone} == {"open", "other"}


@pytest.mark.parametrize(
    ("before", "now", "course"),
    [
        ([], [], "unchanged"),
        ([], [finding()], "new"),
        ([finding()], [], "resolved"),
        ([finding(severity=1)], [finding(severity=3)], "worse"),
        ([finding(severity=2)], [finding(severity=1)], "better"),
        ([finding()], [finding()], "unchanged"),
        ([finding(faint=True)], [finding()], ""),
        ([finding(seed=1)], [finding(seed=2)], ""),
        ([finding(), finding("haze")], [finding()], ""),
        ([finding(severity=1), finding("haze", 1)], [finding(severity=2), finding("haze", 1)], "worse"),
        ([finding(severity=1), finding("haze", 2)], [finding(severity=2), finding("haze", 1)], ""),
    ],
)
def test_courses(before, now, course):
    assert course_of(tuple(before), tuple(now)) == course


def test_sides_and_grades():
    assert side_of(()) == grade_of(()) == ""
    assert side_of((finding(side="left"), finding(side="right"))) == "bilateral"
    assert side_of((finding(side="right"), finding(side="right"))) == "right"
    assert grade_of((finding(severity=1), finding(severity=3))) == "severe"
    assert set(graded()) == {"Cardiomegaly", "Edema", "Pneumothorax", "Pleural Effusion"}
    assert {"Edema", "Cardiomegaly"}.isdisjoint(sided())
    assert {"Fracture", "Pleural Effusion"} <= set(sided())


def test_pairs_are_of_one_patient_and_in_order():
    a, b, c, d = (Film(name, name[0], ()) for name in ("p1", "p2", "q1", "p3"))
    assert pairs_of([a, b, c, d]) == [(a, b), (a, d), (b, d)]


def test_a_faint_finding_is_there():
    def presence(faint):
        films = [
            film._replace(findings=tuple(one | {"faint": faint} for one in film.findings)) for film in FILMS["shift"]
        ]
        return [one for one in ask(films) if one.kind in ("presence", "side", "severity", "count")]

    assert presence(True) == presence(False)
    assert len(presence(True)) > 1000


def replace_all(film, **values):
    return film._replace(findings=tuple(one | values for one in film.findings))
