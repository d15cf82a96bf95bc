"""Records in the form of the database."""

import json
from dataclasses import replace

import pytest
from documents.samples import speaking

from medxpert.archive.reading import case_id, read, write
from medxpert.errors import DataError


def test_a_hostile_report_comes_back_word_for_word(record, tmp_path):
    words = "<script>alert(1)</script> `*_$x$ \x00\ud800 ' OR 1=1 --"
    hostile = replace(record, exported=replace(record.exported, report=speaking("absent"), reply=None), name=words)
    written = write(hostile, None)
    back = read(written.body, written.blobs.__getitem__, tmp_path)

    assert back.name == words
    assert back.exported.report == replace(speaking("absent"), problems=back.exported.report.problems)


@pytest.mark.parametrize(
    "change", [{"report": {}}, {"review": []}, {"pixels": {"shape": [8]}}, {"hits": [{}]}, {"policy": 3}]
)
def test_another_form_is_refused_in_one_line(record, tmp_path, change):
    written = write(record, "a.png")
    broken = json.dumps(json.loads(written.body) | change)
    with pytest.raises(DataError) as told:
        read(broken, written.blobs.__getitem__, tmp_path)
    assert "\n" not in str(told.value)


def test_a_source_never_leads_out_of_its_folder(record, tmp_path):
    written = write(record, "../../etc/passwd")

    assert read(written.body, written.blobs.__getitem__, tmp_path).exported.source == tmp_path / "passwd"


def test_a_case_is_the_same_however_far_its_review_is(record):
    other = replace(record.exported, report=replace(record.exported.report, technique="other"))

    assert case_id(record) == case_id(replace(record, review=replace(record.review, note="more")))
    later = replace(record.exported.report, provenance={**record.exported.report.provenance, "time": "later"})
    assert case_id(record) == case_id(replace(record, exported=replace(record.exported, report=later)))
    assert case_id(record) != case_id(replace(record, exported=other))
    assert case_id(record) != case_id(replace(record, name="other"))
