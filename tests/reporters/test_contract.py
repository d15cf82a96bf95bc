import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from medxpert.reporters.template import TemplateReporter
from medxpert.reporting import Endpoint, RemoteReporter

CONF = Path(__file__).parents[2] / "conf" / "reporter"
FILES = sorted(CONF.glob("*.yaml"))
KINDS = ("local", "attested", "public")
HEAVY = ("torch", "transformers", "google", "openai", "pydantic", "httpx", "omegaconf", "PIL", "faiss", "pandas")


@pytest.fixture
def model(tmp_path):
    """What stands for a model: a folder for the local ones, a mere name for the others."""
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "none"}))
    return str(tmp_path)


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def reporter(request, model):
    options = yaml.safe_load(request.param.read_text())
    module, _, name = options.pop("_target_").rpartition(".")
    filled = {key: model if value == "???" else value for key, value in options.items()}
    return request.param.stem, getattr(import_module(module), name)(**filled)


def test_there_are_four():
    assert {path.stem for path in FILES} >= {"template", "gemini", "openai", "transformers"}


def test_is_called_as_its_file(reporter):
    stem, one = reporter
    assert one.name == stem


def test_says_which_model_writes(reporter):
    stem, one = reporter
    assert isinstance(one.model_id, str)
    assert bool(one.model_id) == (stem != "template")


def test_says_where_it_would_send(reporter):
    stem, one = reporter
    assert isinstance(one.endpoint, Endpoint)
    assert one.endpoint.kind in KINDS
    assert one.endpoint.name
    assert (one.endpoint.kind == "local") == (stem in ("template", "transformers"))


def test_nobody_asks_for_pixels_unless_told_to(reporter):
    assert reporter[1].send_image is False


def test_can_write(reporter):
    assert callable(reporter[1])


def test_what_asks_a_model_can_show_what_it_would_send(reporter):
    stem, one = reporter
    assert isinstance(one, RemoteReporter) == (stem != "template")
    if isinstance(one, RemoteReporter):
        assert one.dry_run is False


def test_the_template_loads_nothing_heavy():
    code = (
        "import sys; from medxpert.reporters.template import TemplateReporter;"
        "from medxpert.reporting import Case, Verdict;"
        "TemplateReporter()(Case((Verdict('Edema', 'present'),), ()));"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_template_stays_on_this_machine():
    reporter = TemplateReporter()
    assert (reporter.name, reporter.model_id, reporter.send_image) == ("template", "", False)
    assert reporter.endpoint == Endpoint("local", "this machine")
