"""An answer in a folder: every format that can hold it, and the reasons of those that cannot."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from medxpert.answer import Answer
from medxpert.delivery import Delivery
from medxpert.errors import ConfigError, DataError
from medxpert.exchange import Reply
from medxpert.indexes.own import NOBODY
from medxpert.querying import Query
from medxpert.reporting import Finding, Report
from medxpert.words import Hit

HITS = [Hit(rank, 0.9 - rank / 10, f"s{rank}", "p", f"text {rank}", {}, rank) for rank in (1, 2, 3)]
GALLERY = SimpleNamespace(cases=SimpleNamespace(thumbnail=lambda row: b""))
REPORT = Report(
    technique="One radiograph.",
    comparison="None.",
    findings=(Finding("Edema", "present", "Edema.", evidence=("s2", "probe"), support="supported"),),
    impression=(),
    diagnoses=(),
    limitations=(),
    reporter="template",
    provenance={"policy": "open"},
)


def answer(**changes):
    pixels = np.zeros((8, 8), np.uint8)
    query = Query("chest.png", "One radiograph.", NOBODY, b"", pixels=pixels)
    return Answer(
        **({"query": query, "match": "both", "hits": (), "report": REPORT, "voters": HITS, "policy": "open"} | changes)
    )


def file_of(name, seen=None):
    def export(exported, folder):
        if seen is not None:
            seen.append(exported)
        (folder / name).write_text("x")
        return [folder / name]

    return export


def refusing(exported, folder):
    raise DataError("sr: chest.png is no DICOM; give image=FILE.dcm")


def test_one_format_that_fails_takes_no_other_with_it(tmp_path):
    formats = {"a": file_of("a.txt"), "sr": refusing, "b": file_of("b.txt")}
    delivered = Delivery(GALLERY, formats).write(answer(), tmp_path / "new" / "folder")
    assert {path.name for path in delivered.paths} == {"a.txt", "b.txt", "result.json", "similar_cases.png"}
    assert all(path.is_file() for path in delivered.paths)
    assert delivered.faults == ["sr: chest.png is no DICOM; give image=FILE.dcm"]


def test_exporters_are_given_what_report_and_reply_cite(tmp_path):
    seen = []
    reply = Reply("Is there edema?", "Yes.", 0.9, ("s3",), True, "template", "yes", "presence")
    Delivery(GALLERY, {"a": file_of("a", seen)}).write(answer(reply=reply), tmp_path)
    (given,) = seen
    assert dict(given.cited) == {"s2": (b"", "text 2", pytest.approx(0.7)), "s3": (b"", "text 3", pytest.approx(0.6))}
    assert (given.reply, given.source.name, given.policy) == (reply, "chest.png", "open")


def test_answer_json_has_the_names_that_others_rely_on(tmp_path):
    reply = Reply("Is there edema?", "Yes.", 0.9, ("s3",), True, "template", "yes", "presence")
    Delivery(GALLERY, {}).write(answer(reply=reply), tmp_path)
    told = json.loads((tmp_path / "answer.json").read_text())
    assert list(told)[:6] == ["question", "answer", "confidence", "evidence", "answerable", "reporter"]
    assert told["answer"] == "Yes."


def test_no_question_no_answer_json(tmp_path):
    Delivery(GALLERY, {}).write(answer(), tmp_path)
    assert not (tmp_path / "answer.json").exists()


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="file"):
        Delivery(GALLERY, {}).write(answer(), tmp_path / "file" / "answers")
