"""Training and inference see the same pixels, whatever the file."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import medxpert.querying
from medxpert.data.decoding import decode
from medxpert.images.files import ImageBytes, ImageFile

CXR = Path(__file__).parents[3] / "shared" / "cxr"


def both(path, side):
    """Decode a file as training does and as the assistant does."""
    trained = decode(ImageFile(path), side)
    assert trained.reason == ""
    return trained.pixels, medxpert.querying.load(ImageFile(path), side)


@pytest.mark.parametrize("side", [64, 224])
@pytest.mark.parametrize("kind", ["png", "jpeg", "deep", "dicom"])
def test_training_and_inference_agree(dicom_file, tmp_path, kind, side):
    rng = np.random.default_rng(0)
    picture = Image.fromarray(rng.integers(0, 256, (14, 10), np.uint8)).resize((500, 700))
    deep = np.asarray(picture).astype(np.uint16) * 16
    path = tmp_path / "film"
    if kind == "dicom":
        path.write_bytes(dicom_file(deep, bits=12, WindowCenter=2000, WindowWidth=3000))
    elif kind == "deep":
        Image.fromarray(deep).save(path, "PNG")
    else:
        picture.save(path, kind)
    trained, inferred = both(path, side)
    np.testing.assert_array_equal(trained, inferred)
    from_memory = medxpert.querying.load(ImageBytes(path.read_bytes()), side)
    np.testing.assert_array_equal(inferred, from_memory)
    assert trained.std() > 20


@pytest.mark.shared
@pytest.mark.skipif(not CXR.is_dir(), reason="no real radiographs beside the project")
@pytest.mark.parametrize("folder", ["originals", "dicom"])
def test_real_files_agree(folder):
    for path in sorted((CXR / folder).iterdir()):
        trained, inferred = both(path, 224)
        np.testing.assert_array_equal(trained, inferred)
        png = io.BytesIO()
        Image.fromarray(inferred).save(png, "PNG")
        np.testing.assert_array_equal(medxpert.querying.load(ImageBytes(png.getvalue()), 224), inferred)
