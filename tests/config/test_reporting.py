import pytest

from medxpert.config import reporting
from medxpert.config.jobs import Pruned
from medxpert.errors import ConfigError, DataError


def left(error, **options):
    with pytest.raises(SystemExit) as ended:
        reporting.leave(error, **options)
    return ended.value.code


@pytest.fixture
def rank_1(monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "1")
    slept = []
    monkeypatch.setattr(reporting.time, "sleep", slept.append)
    return slept


def test_rank_0_reports_everything(capsys):
    assert left(ConfigError("a\nb"), prefix="job 3: ", common=True) == 2
    assert capsys.readouterr().err == "error: job 3: a\nerror: job 3: b\n"


def test_other_ranks_leave_to_rank_0_what_all_find(rank_1, capsys):
    assert left(ConfigError("bad key"), common=True) == 2
    assert left(KeyboardInterrupt()) == 130
    assert capsys.readouterr().err == ""
    assert rank_1 == []


def test_other_ranks_report_what_is_theirs_under_their_name(rank_1, capsys):
    assert left(DataError("broken")) == 3
    assert rank_1 == []
    assert left(ConfigError("no such file")) == 2
    assert len(rank_1) == 1
    assert capsys.readouterr().err == "rank 1: error: broken\nrank 1: error: no such file\n"


def test_pruning_is_no_fault(capsys):
    assert left(Pruned("below the median")) == 0
    assert "error" not in capsys.readouterr().err
