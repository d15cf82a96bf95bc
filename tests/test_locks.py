import errno

import pytest

from medxpert import locks
from medxpert.errors import ConfigError
from medxpert.locks import locked


def test_one_holds_it_and_the_file_stays_as_it_was(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("seed: 0")
    with locked(path, wait=True, otherwise=True) as first, locked(path, wait=False, otherwise=True) as second:
        assert (first, second) == (True, False)
    with locked(path, wait=False, otherwise=True) as again:
        assert again
    assert path.read_text() == "seed: 0"


@pytest.mark.parametrize("otherwise", [True, False])
def test_a_file_system_without_locks(tmp_path, monkeypatch, caplog, otherwise):
    def refuse(*_):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(locks.fcntl, "flock", refuse)
    with locked(tmp_path / "lock", wait=True, otherwise=otherwise) as mine:
        assert mine is otherwise
    assert "knows no locks" in caplog.text


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"cannot write .*lock"), locked(tmp_path / "file" / "lock", True, True):
        pass
