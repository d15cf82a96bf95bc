from functools import partial

import pytest
from exports import films


@pytest.fixture
def film(tmp_path):
    """Return a function that writes a DICOM radiograph as an archive holds it, but for what is given."""
    return partial(films.write, tmp_path / "archive")


@pytest.fixture
def exported(tmp_path):
    """Return a report on a DICOM radiograph with changes, a caption, thumbnails of two cases, and a reply."""
    return films.example(tmp_path / "archive")
