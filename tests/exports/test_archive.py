import json
import subprocess
import sys
from pathlib import Path

import pydicom
import pytest
from exports.archive import PLUGIN, PROGRAM
from highdicom import sr

from medxpert.exports.sr import SrExporter

SCRIPT = Path(__file__).parent / "archive.py"
ALONE = ["unshare", "--user", "--map-root-user", "--net"]


def may_be_alone():
    try:
        return subprocess.run([*ALONE, "true"], capture_output=True).returncode == 0
    except OSError:
        return False


@pytest.fixture(scope="module")
def alone():
    if not (PROGRAM.is_file() and PLUGIN.is_file()):
        pytest.skip("Orthanc and its DICOMweb plugin are not installed: apt-get install orthanc orthanc-dicomweb")
    if not may_be_alone():
        pytest.skip("no network of its own can be made here")


@pytest.mark.orthanc
def test_archive_stores_finds_and_returns_it(alone, exported, tmp_path):
    (document,) = SrExporter()(exported, tmp_path)
    files = [document, exported.source]
    subprocess.run([*ALONE, sys.executable, SCRIPT, tmp_path / "archive-run", *files], check=True, timeout=180)
    for file in files:
        assert pydicom.dcmread(tmp_path / "archive-run" / "back" / file.name) == pydicom.dcmread(file)
    found = [
        pydicom.Dataset.from_json(one) for one in json.loads((tmp_path / "archive-run" / "found.json").read_text())
    ]
    assert sorted(one.Modality for one in found) == ["DX", "SR"]
    assert {one.StudyInstanceUID for one in found} == {pydicom.dcmread(exported.source).StudyInstanceUID}
    again = sr.srread(tmp_path / "archive-run" / "back" / document.name)
    assert (again.CompletionFlag, again.PreliminaryFlag) == ("PARTIAL", "PRELIMINARY")
