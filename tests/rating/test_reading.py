"""A reader goes on where they stopped, in one tab or two, and what they rated stays."""

import os
import signal
import subprocess
import sys
import textwrap

import pytest

from medxpert.errors import DataError
from medxpert.rating.reading import Reading


def _rate_all(reading, given, most=100):
    order = []
    while (item := reading.next()) is not None and len(order) < most:
        order.append((item.case, item.text.findings))
        assert reading.rate(item.item, given())
    return order


def test_a_reader_gets_every_report_once_and_the_reports_of_a_case_together(studies, study, given):
    order = _rate_all(Reading(studies, study.key, "A"), given)

    assert sorted(order) == sorted(
        (number, f"{source} {number} says this.") for number in (1, 2, 3) for source in ("reference", "assistant")
    )
    assert [case for case, _ in order[::2]] == [case for case, _ in order[1::2]]


def test_an_item_says_nothing_of_its_source(studies, study):
    item = Reading(studies, study.key, "A").next()

    assert set(item._fields) & {"source", "study_id", "patient_id", "repeated"} == set()
    assert item.picture.name == f"case_{item.case:03d}.png"


def test_the_same_code_goes_on_in_the_same_order(studies, study, given):
    first = Reading(studies, study.key, "A")
    first.rate(first.next().item, given())
    again = Reading(studies, study.key, "  A\n")

    assert again.next() == first.next()
    assert again.next().done == 1
    assert [one.code for one in studies.progress(study.key)] == ["A"]


def test_two_tabs_do_not_count_twice(studies, study, given):
    one, other = (Reading(studies, study.key, "A") for _ in range(2))
    item = one.next().item
    assert other.next().item == item

    assert one.rate(item, given(correctness=5))
    assert not other.rate(item, given(correctness=1))
    assert [row.told["correctness"] for row in studies.rated(study.key)] == [5]


def test_a_correction_counts_in_place_of_the_rating_which_stays(studies, study, given):
    reading = Reading(studies, study.key, "A")
    item = reading.next().item
    assert not reading.correct(item, given())
    reading.rate(item, given(correctness=1, seconds=30.0, comment="first"))
    last = reading.last()
    assert (last.told["correctness"], last.comment) == (1, "first")

    assert reading.correct(item, given(correctness=5, seconds=0.0, comment="second"))
    (row,) = studies.rated(study.key)
    assert (row.told["correctness"], row.comment, row.seconds, row.corrections) == (5, "second", 30.0, 1)


def test_how_often_a_report_was_shown_before_it_was_rated_is_kept(studies, study, given):
    reading = Reading(studies, study.key, "A")
    item = reading.next().item
    reading.shown(item)
    reading.shown(item)
    reading.rate(item, given())

    assert studies.rated(study.key)[0].views == 2


def test_repetitions_come_at_the_end(studies, draft, given):
    study = studies.open(draft(repeat_share=0.5).key)
    order = _rate_all(Reading(studies, study.key, "A"), given)

    assert len(order) == 9
    assert set(order[6:]) <= set(order[:3])
    assert [row.repeated for row in studies.rated(study.key)] == [False] * 6 + [True] * 3


def test_who_may_not_rate_is_told(studies, study, given):
    reading, other = Reading(studies, study.key, "A"), Reading(studies, study.key, "B")
    with pytest.raises(DataError, match="none of B's"):
        other.rate(reading.next().item, given())
    with pytest.raises(DataError, match="Harm: expected one of 0, 1, 2, 3, found 7"):
        reading.rate(reading.next().item, given(harm=7))
    with pytest.raises(DataError, match="expected a name or code"):
        Reading(studies, study.key, " \n")
    item = reading.next().item
    studies.close(study.key)
    with pytest.raises(DataError, match="nothing can be rated in it any more"):
        reading.rate(item, given())
    with pytest.raises(DataError, match="ask its coordinator"):
        Reading(studies, study.key, "C")


def test_a_process_that_is_killed_loses_no_rating(studies, study, tmp_path):
    script = f"""
    import os, signal
    from pathlib import Path
    from medxpert.rating.reading import Reading
    from medxpert.rating.record import Given
    from medxpert.rating.store import Studies
    reading = Reading(Studies(Path({str(studies.folder)!r})), {study.key!r}, "A")
    told = dict(correctness=4, completeness=4, harm=0, sign=3)
    for _ in range(2):
        reading.rate(reading.next().item, Given(told, "", "", 1.0))
    reading.shown(reading.next().item)
    os.kill(os.getpid(), signal.SIGKILL)
    """
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], env=os.environ, check=False)

    assert killed.returncode == -signal.SIGKILL
    assert len(studies.rated(study.key)) == 2
    item = Reading(studies, study.key, "A").next()
    assert (item.done, item.views) == (2, 1)
