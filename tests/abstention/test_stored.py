import json

import numpy as np
import pytest

from medxpert.abstention.abstainer import Abstainer
from medxpert.abstention.stored import read, write
from medxpert.errors import DataError


def test_what_is_read_judges_as_what_was_written(tmp_path, chests, encoder, abstainer):
    write(tmp_path, abstainer, {"families": ["hand"]})
    again = read(tmp_path, "cure")
    vectors = encoder(chests.test)
    assert again.bounds == abstainer.bounds
    assert again.num_studies == abstainer.num_studies == len(chests.val)
    np.testing.assert_allclose(again.scores(chests.test, vectors), abstainer.scores(chests.test, vectors), rtol=1e-4)
    told = json.loads((tmp_path / "abstention.json").read_text(encoding="utf-8"))
    assert told["families"] == ["hand"]
    assert {"num_studies", "bounds"} < told.keys()


def test_what_is_not_fitted_stays_so(tmp_path):
    write(tmp_path, Abstainer(7))
    assert read(tmp_path, "cure") == Abstainer(7)


@pytest.mark.parametrize("name", ["abstention.json", "abstention.npz"])
def test_a_missing_file_is_named(tmp_path, abstainer, name):
    write(tmp_path, abstainer)
    (tmp_path / name).unlink()
    with pytest.raises(DataError, match=str(name)):
        read(tmp_path, "cure")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("abstention.json", b"{}"),
        ("abstention.json", b'{"num_studies": 30, "bounds": {"refused": 1}}'),
        ("abstention.json", b'{"num_studies": "many", "bounds": null}'),
        ("abstention.npz", b"not an archive"),
        ("abstention.npz", b"PK\x03\x04 broken"),
    ],
)
def test_a_broken_file_is_explained(tmp_path, abstainer, name, content):
    write(tmp_path, abstainer)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=r"holds no fitted abstention .* make it again: the cure"):
        read(tmp_path, "the cure")
