"""Files: ratings without names of sources, the key apart, tables that spreadsheets cannot run."""

import csv
import io
import json

import pytest

from medxpert.errors import DataError
from medxpert.rating import exporting
from medxpert.rating.analysis import analyse
from medxpert.rating.reading import Reading


@pytest.fixture
def read(studies, study, given):
    """Have two readers rate everything."""
    for code, better in (("=A", 1), ("B", 0)):
        reading = Reading(studies, study.key, code)
        while (item := reading.next()) is not None:
            told = 4 + better if "assistant" in item.text.findings else 2
            reading.rate(item.item, given(comment='@home, "quoted"', correctness=told))
    return studies.study(study.key)


def test_ratings_name_letters_and_the_key_is_refused_before_the_end(studies, read):
    rows = list(csv.DictReader(io.StringIO(exporting.ratings_csv(read, studies.rated(read.key)))))

    assert len(rows) == 12
    assert {row["source"] for row in rows} == {"A", "B"}
    assert {row["place"] for row in rows} == {""}  # the order follows from the design, and the source from the order
    assert rows[0]["reader"] == "'=A"
    assert rows[0]["comment"] == '\'@home, "quoted"'
    analysis = analyse(studies.rated(read.key), read, draws=20)
    for refused in (
        lambda: exporting.key_json(read),
        lambda: exporting.analysis_json(read, analysis),
        lambda: exporting.analysis_markdown(read, analysis),
    ):
        with pytest.raises(DataError, match="once it is closed or unblinded"):
            refused()


@pytest.mark.parametrize("policy", ["open", "credentialed"])
def test_each_row_bears_the_policy_of_the_study(studies, read, policy):
    study, key = read._replace(policy=policy), read.key
    tables = exporting.ratings_csv(study, studies.rated(key)), exporting.cases_csv(study, studies.cases(key))

    for rows in (list(csv.DictReader(io.StringIO(table))) for table in tables):
        assert {row["policy"] for row in rows} == {policy}
        assert list(rows[0])[-1] == "policy"


def test_the_letters_follow_from_nothing_that_is_exported(studies, read):
    assert len(read.salt) == 32
    assert read.salt not in exporting.design_json(read)
    assert {tuple(exporting.letters(read._replace(salt=str(salt)))) for salt in range(20)} == {
        ("assistant", "reference"),
        ("reference", "assistant"),
    }


def test_the_key_opens_the_letters(studies, read):
    rows = list(csv.DictReader(io.StringIO(exporting.ratings_csv(read, studies.rated(read.key)))))
    key = json.loads(exporting.key_json(studies.close(read.key)))["sources"]

    high = {key[row["source"]] for row in rows if int(row["correctness"]) >= 4}
    assert high == {"assistant"}
    assert set(key.values()) == {"assistant", "reference"}


def test_the_analysis_says_what_it_rests_on(studies, read):
    study = studies.close(read.key)
    analysis = analyse(studies.rated(read.key), study, draws=20)
    told = json.loads(exporting.analysis_json(study, analysis))
    page = exporting.analysis_markdown(study, analysis)

    assert "2 readers, 3 cases, 2 sources; 12 of 12 ratings given" in told["notes"][0]
    assert len(told["differences"]) == 7
    assert study.sha256 in page
    assert "Research use only, not for diagnosis." in page
    assert "+2.50" in page


def test_the_design_says_whose_checksum_it_has(read):
    told = json.loads(exporting.design_json(read))

    assert told["sha256"] == read.sha256
    assert told["design"]["scales"][0]["levels"][0][2].endswith(".")


def test_cases_go_out_and_reports_come_back(studies, read):
    told = exporting.cases_csv(read, studies.cases(read.key))
    filled = told.replace("s1,,", 's1,"Clear, all of it.",').replace("s2,,", "s2,Two.,").replace("s3,,", "s3,Three.,")

    assert exporting.read_texts(f"\ufeff{filled}".encode()) == {"s1": "Clear, all of it.", "s2": "Two.", "s3": "Three."}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe\x00", "CSV in UTF-8"),
        (b"", "found no rows"),
        (b"id,report\n1,a\n", "expected the columns study_id, text, found id, report"),
        (b"study_id,text\n1,a\n1,b\n", "found two for 1"),
        (b'study_id,text\n1,"a\n', "CSV in UTF-8"),
    ],
)
def test_other_tables_are_refused(content, message):
    with pytest.raises(DataError, match=message):
        exporting.read_texts(content)


def test_nothing_rated_is_nothing_to_analyse(study):
    with pytest.raises(DataError, match="expected ratings, found none"):
        analyse([], study)
