"""What is known of a query: whose it is, how it was taken, what identifies it."""

import numpy as np
import PIL.Image
import pytest
from trees import dicoms

from medxpert.errors import ConfigError
from medxpert.images.header import pseudonym
from medxpert.querying import as_sentence, image_query, text_query


def test_a_picture_leads_to_its_path_and_its_pixels(tmp_path):
    path = tmp_path / "a.png"
    PIL.Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(path)
    (tmp_path / "b.png").write_bytes(path.read_bytes())
    one, other = (image_query(tmp_path / name, 8) for name in ("a.png", "b.png"))
    assert one.traces.path == str(path.resolve())
    assert one.traces.path != other.traces.path
    assert one.traces.image_hash == other.traces.image_hash
    assert (one.technique, one.burned_in, one.text) == ("One radiograph, projection not stated.", "", "")
    assert one.content == one.pixels.tobytes()


def test_a_text_has_no_pixels():
    query = text_query("left effusion").of_patient("p1")
    assert (query.text, query.pixels, query.traces.patient_ids) == ("left effusion", None, ("p1",))
    with pytest.raises(ConfigError, match="query= is empty"):
        text_query("  ")


@pytest.mark.parametrize("name", ["a.dcm", "scan"])
def test_a_dicom_leads_to_its_patient_by_whatever_name(tmp_path, name):
    header = {"PatientID": "p7", "ViewPosition": "AP", "BurnedInAnnotation": "NO"}
    dicoms.write(tmp_path / name, np.full((16, 16), 100, np.uint8), **header)
    query = image_query(tmp_path / name, 8).of_patient("p8")
    assert query.traces.patient_ids == ("p7", pseudonym("p7"), "p8")
    assert query.technique == "Frontal (AP) radiograph, as its DICOM header says."
    assert query.burned_in == "NO"


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("large left pleural effusion", "large left pleural effusion."),
        ("  no effusion,\n no pneumothorax, ", "no effusion, no pneumothorax."),
        ("The heart is enlarged.", "The heart is enlarged."),
        ("Is there an effusion?", "Is there an effusion?"),
    ],
)
def test_a_typed_query_is_asked_for_as_a_sentence_of_a_report(typed, expected):
    assert as_sentence(typed) == expected
