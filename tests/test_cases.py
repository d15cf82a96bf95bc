import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from medxpert.cases import SCHEMA, Cases, absent_columns, is_row_id, read_table, row_id, write_cases
from medxpert.errors import DataError
from medxpert.ontology import MISSING, OBSERVATIONS


@pytest.fixture
def written(tmp_path):
    blank = dict.fromkeys(SCHEMA.names, "") | {"images": 1, "truth": None, "image_hash": "h"}
    rows = [
        blank | {"text": f"text {number}", "labels": [number % 2] * 14, "thumbnail": bytes([number % 256])}
        for number in range(300)
    ]
    write_cases(tmp_path / "cases.parquet", rows)
    return Cases(tmp_path / "cases.parquet")


def test_columns_in_memory_fill_in_what_is_unknown(tmp_path):
    cases = Cases.of({"text": ["a", "b"], "study_id": ["1", "2"], "patient_id": ["p", "p"]}, tmp_path / "x.csv")
    assert len(cases) == 2
    assert cases.texts == ["a", "b"]
    assert cases.column("policy") == ["private", "private"]
    assert cases.column("images") == [1, 1]
    assert cases.column("image_hash") == [None, None]
    assert cases.truths == [None, None]
    assert cases.thumbnail(1) == b""
    assert (cases.labels == MISSING).all()
    assert not cases.abnormal.any()


def test_taken_rows_are_those_of_the_file(written):
    some = written.take(np.array([299, 7]))
    assert len(some) == 2
    assert some.texts == ["text 299", "text 7"]
    assert some.thumbnail(0) == bytes([299 % 256])
    assert some.labels.tolist() == [[1] * 14, [1] * 14]
    assert some.take(np.array([1])).texts == ["text 7"]


def test_other_labels_leave_the_rest_in_the_file(written):
    labels = np.full((300, len(OBSERVATIONS)), -1, np.int8)
    other = written.relabelled(labels)
    assert len(other) == 300
    assert (other.labels == -1).all()
    assert other.thumbnail(259) == bytes([259 % 256])
    assert other.texts == written.texts
    assert written.labels[0, 0] == 0


def test_any_parquet_table_can_be_read(tmp_path):
    path = tmp_path / "theirs.parquet"
    pq.write_table(pa.table({"text": ["a"], "raw": [b"\x00"], "labels": [[1, 0]]}), path)
    assert read_table(path) == {"text": ["a"], "labels": [[1, 0]]}
    assert "patient_id" in absent_columns(path)
    assert "image_hash" not in absent_columns(path)
    with pytest.raises(DataError, match=r"has no column 'images'; make it again: python train.py"):
        Cases(path)


def test_broken_table_names_the_cure(tmp_path):
    (tmp_path / "cases.parquet").write_text("no table")
    with pytest.raises(DataError, match=r"no parquet table; make it again: ask them"):
        absent_columns(tmp_path / "cases.parquet", "ask them")


def test_row_ids_are_told_from_others():
    assert is_row_id(row_id(12))
    assert not is_row_id("row twelve")
    assert not is_row_id("s12")


def test_many_threads_may_read_one_table(tmp_path):
    """In a process of its own: where they may not, it ends without a word."""
    script = f"""
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from medxpert.cases import SCHEMA, Cases, write_cases
path = Path({str(tmp_path / "cases.parquet")!r})
blank = dict.fromkeys(SCHEMA.names, "") | {{"truth": None, "images": 1, "labels": [0] * 14, "thumbnail": bytes(2000)}}
write_cases(path, [blank | {{"study_id": str(row), "text": "words " * 50}} for row in range(3000)])
cases = Cases(path)
def read(number):
    column = cases.column(("text", "view", "split")[number % 3])
    return len(list(cases.thumbnails(range(number, 3000, 250)))) + len(column)
with ThreadPoolExecutor(20) as pool:
    print(sum(pool.map(read, range(240))))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, str(240 * 3012)), done.stderr[-500:]
