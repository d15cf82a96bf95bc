import json

import numpy as np
import pytest

from medxpert.cases import SCHEMA, Cases, encode_labels, write_cases
from medxpert.evaluation.parts.reference import reference_labels
from medxpert.ontology import MISSING, NO_FINDING, OBSERVATIONS, SUPPORT_DEVICES


def reference(path, labels, truth=None):
    row = dict.fromkeys(SCHEMA.names, "") | {"images": 1, "thumbnail": b"", "labels": encode_labels(labels)}
    write_cases(path / "cases.parquet", [row | {"truth": truth and json.dumps(truth)}])
    return reference_labels(Cases(path / "cases.parquet"))[0]


def shown(*observations):
    return {"image": {"findings": [{"observation": name, "faint": True} for name in observations]}, "report": {}}


@pytest.mark.parametrize(
    ("labels", "truth", "positive", "missing"),
    [
        ({"Edema": 1, "Fracture": 0}, None, {"Edema"}, set()),
        ({"Edema": -1}, None, set(), {"Edema"}),
        ({}, None, set(), set(OBSERVATIONS)),
        ({"Edema": 1, "Fracture": -1}, shown("Fracture"), {"Fracture"}, set()),
        ({}, shown(SUPPORT_DEVICES), {SUPPORT_DEVICES, NO_FINDING}, set()),
        ({"Edema": 1}, shown(), {NO_FINDING}, set()),
    ],
)
def test_truth_comes_before_labels_and_silence_means_absence(tmp_path, labels, truth, positive, missing):
    expected = {name: 1 if name in positive else MISSING if name in missing else 0 for name in OBSERVATIONS}
    np.testing.assert_array_equal(reference(tmp_path, labels, truth), list(expected.values()))
