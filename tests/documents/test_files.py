import json

import numpy as np
import pytest
from documents.samples import REPORT

from medxpert.documents.document import read
from medxpert.documents.files import write, write_json_report, write_markdown
from medxpert.documents.markdown import render
from medxpert.errors import ConfigError


def test_three_files_and_nothing_else(tmp_path):
    folder = tmp_path / "a" / "b"
    paths = write(folder, REPORT, np.zeros((4, 4), np.uint8), {})
    assert [path.name for path in paths] == ["report.md", "report.html", "report.json"]
    assert sorted(folder.iterdir()) == sorted(paths)
    assert paths[0].read_text(encoding="utf-8") == render(REPORT)
    assert 'src="data:image/png;base64,' in paths[1].read_text(encoding="utf-8")
    assert read(json.loads(paths[2].read_text(encoding="utf-8"))) == REPORT


def test_one_by_one(tmp_path):
    write(tmp_path / "all", REPORT)
    write_markdown(tmp_path / "report.md", REPORT)
    write_json_report(tmp_path / "report.json", REPORT)
    for name in ("report.md", "report.json"):
        assert (tmp_path / name).read_bytes() == (tmp_path / "all" / name).read_bytes()


def test_written_again_over_the_old(tmp_path):
    write(tmp_path, REPORT)
    before = [path.read_bytes() for path in write(tmp_path, REPORT)]
    assert before == [path.read_bytes() for path in write(tmp_path, REPORT)]


def test_a_file_in_the_place_of_the_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot write"):
        write(tmp_path / "file", REPORT)
