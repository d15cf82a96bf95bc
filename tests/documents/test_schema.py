import subprocess
import sys

import jsonschema
import pytest
from documents.samples import ABSTAINED, FALLBACK, REPORT, speaking
from pydantic import ValidationError

from medxpert.documents.document import as_json
from medxpert.documents.schema import PUBLISHED, JsonReport, schema
from medxpert.folders import read_json


def test_the_published_schema_is_the_one_of_the_models():
    assert read_json(PUBLISHED) == schema()
    jsonschema.Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize("report", [REPORT, FALLBACK, ABSTAINED, speaking("<b>")])
def test_every_report_is_of_this_form(report):
    values = as_json(report)
    JsonReport.model_validate(values)
    jsonschema.validate(values, read_json(PUBLISHED), jsonschema.Draft202012Validator)


@pytest.mark.parametrize(
    "change",
    [
        {"research_use_only": False},
        {"schema_version": "1.0"},
        {"changes": [{"observation": "Edema"}]},
        {"caption": None},
        {"extra": 1},
        {"findings": [{"observation": "Edema"}]},
        {"impression": "a sentence"},
        {"abstained": None},
    ],
)
def test_other_forms_are_refused(change):
    values = as_json(REPORT) | change
    with pytest.raises(ValidationError):
        JsonReport.model_validate(values)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(values, read_json(PUBLISHED), jsonschema.Draft202012Validator)


def test_writing_reports_loads_no_pydantic():
    program = (
        "import sys; import medxpert.documents.files, medxpert.documents.terminal; "
        "sys.exit(any(name.split('.')[0] in ('pydantic', 'torch', 'matplotlib') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
