import subprocess
import sys
from dataclasses import replace

import pytest
from documents.samples import ABSTAINED, FALLBACK, speaking
from omegaconf import OmegaConf

from medxpert.config.build import build
from medxpert.config.schema import conf_folder
from medxpert.errors import ConfigError

NAMES = sorted(path.stem for path in (conf_folder() / "export").glob("*.yaml"))
FILES = {
    "fhir": ["report.fhir.r5.json", "report.fhir.r4b.json"],
    "html": ["report.html"],
    "json": ["report.json"],
    "markdown": ["report.md"],
    "pdf": ["report.pdf"],
    "sr": ["report.sr.dcm"],
}
HOSTILE = "Zoë Жук 中文 😀 </para></div><b>${x}</b>\x00\x1b\u202e & \udc80"


@pytest.fixture(params=NAMES)
def exporter(request):
    """Return the exporter of every YAML, which holds it under its own name."""
    cfg = OmegaConf.load(conf_folder() / "export" / f"{request.param}.yaml")
    assert list(cfg) == [request.param]
    return request.param, build(cfg[request.param])


def test_writes_its_files_and_nothing_else(exporter, exported, tmp_path):
    name, export = exporter
    folder = tmp_path / "out"
    folder.mkdir()
    paths = export(exported, folder)
    assert [path.name for path in paths] == FILES[name]
    assert sorted(folder.iterdir()) == sorted(paths)
    assert all(path.stat().st_size > 500 for path in paths)


@pytest.mark.parametrize("report", [ABSTAINED, FALLBACK, speaking(HOSTILE), speaking("long " * 300), speaking("")])
def test_every_report_can_be_written(exporter, exported, report, tmp_path):
    assert exporter[1](replace(exported, report=report, reply=None), tmp_path)


def test_folder_that_cannot_be_written(exporter, exported, tmp_path):
    with pytest.raises(ConfigError, match=r"cannot write .*missing"):
        exporter[1](exported, tmp_path / "missing")


def test_exporters_load_no_library_before_they_write():
    heavy = ("reportlab", "fhir", "highdicom", "pydicom")
    modules = ", ".join(f"medxpert.exports.{name}" for name in ("pdf", "fhir", "sr", "report_json", "markdown", "html"))
    code = f"import sys, {modules}; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
