import pytest

from medxpert.config.jobs import NUMBER, JobRecord, Pruned, read_record, recorded
from medxpert.errors import DataError


@pytest.mark.parametrize(
    ("error", "record"),
    [
        (DataError("a\nb"), JobRecord(4, "failed", "a\nb", 3)),
        (KeyboardInterrupt(), JobRecord(4, "interrupted", "interrupted", 130)),
        (Pruned("low"), JobRecord(4, "pruned", "low", 0)),
    ],
)
def test_record_says_how_a_job_ended(tmp_path, monkeypatch, error, record):
    monkeypatch.setenv(NUMBER, "4")
    with pytest.raises(type(error)), recorded(tmp_path):
        assert read_record(tmp_path) == JobRecord(4, "running")
        raise error
    assert read_record(tmp_path) == record


def test_finished_job(tmp_path, monkeypatch):
    monkeypatch.setenv(NUMBER, "0")
    with recorded(tmp_path):
        pass
    assert read_record(tmp_path) == JobRecord(0, "finished")


@pytest.mark.parametrize("environment", [{}, {NUMBER: "0", "LOCAL_RANK": "1"}], ids=["no sweep", "rank 1"])
def test_no_record(tmp_path, monkeypatch, environment):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with recorded(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []
