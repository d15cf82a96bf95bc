"""One small run, trained once by the real command, that many tests open."""

import runpy
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom import uid
from pydicom.dataset import FileMetaDataset

ROOT = Path(__file__).parents[1]
SMALL = (
    "data.num_studies=150",
    "data.side=64",
    "model.image_side=64",
    "model.image_widths=[8,16]",
    "model.text_width=32",
    "model.text_blocks=1",
    "model.vocab_size=1024",
    "trainer.max_epochs=2",
    "trainer.precision=32",
    "loader.batch_size=32",
)


@dataclass(frozen=True)
class Flat:
    """An image of one grey level."""

    level: int
    view: str = "PA"

    def fingerprint(self) -> str:
        return f"flat {self.level}"

    def read(self) -> NDArray[np.uint8]:
        return np.full((8, 8), self.level, np.uint8)


class Outcome(NamedTuple):
    status: int
    out: str
    err: str


@pytest.fixture
def flat() -> type[Flat]:
    """Return the class of images that need no file."""
    return Flat


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keep decoded pixels out of the user's own cache."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("MEDXPERT_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> None:
    """Hear Ctrl-C where the suite was started in the background, which ignores it, and so would all its processes."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def process(folder: Path, script: str, *arguments: str) -> Outcome:
    done = subprocess.run(
        [sys.executable, str(ROOT / script), *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="session")
def script(cache: Path) -> Callable[..., Outcome]:
    """Call a root script in a process of its own."""
    return process


@pytest.fixture(scope="session")
def train_small(cache: Path) -> Callable[..., Outcome]:
    """Call train.py in a process of its own, with a small model on a small phantom."""
    return lambda folder, *arguments: process(folder, "train.py", *SMALL, *arguments)


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory, train_small: Callable[..., Outcome]) -> Path:
    """Return a working folder whose outputs/ holds one small run, made by train.py and evaluate.py."""
    folder = tmp_path_factory.mktemp("project")
    for outcome in (train_small(folder), process(folder, "evaluate.py")):
        assert outcome.status == 0, outcome.err[-4000:]
    return folder


@pytest.fixture
def copied_run(project: Path, tmp_path: Path) -> Path:
    """Return a copy of the run that may be damaged."""
    copy = tmp_path / "run"
    shutil.copytree((project / "outputs" / "latest").resolve(), copy)
    return copy


@pytest.fixture
def command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[..., Outcome]:
    """Call a root script in this process, as typed, in an empty working folder."""

    def call(script: str, *arguments: str, cwd: Path = tmp_path) -> Outcome:
        monkeypatch.chdir(cwd)
        monkeypatch.setattr(sys, "argv", [str(ROOT / script), *arguments])
        status = 0
        try:
            runpy.run_path(str(ROOT / script), run_name="__main__")
        except SystemExit as error:
            status = error.code if isinstance(error.code, int) else int(error.code is not None)
        captured = capsys.readouterr()
        return Outcome(status, captured.out, captured.err)

    return call


@pytest.fixture(scope="session")
def write_dicom():
    """Return a function that writes stored values [H, W] as a radiograph of `bits` bits."""

    def write(path: Path, stored: np.ndarray, bits: int = 12, **elements) -> Path:
        dataset = pydicom.Dataset()
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
        dataset.file_meta.MediaStorageSOPClassUID = uid.DigitalXRayImageStorageForPresentation
        dataset.file_meta.MediaStorageSOPInstanceUID = uid.generate_uid()
        dataset.SOPClassUID = uid.DigitalXRayImageStorageForPresentation
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID
        dataset.Rows, dataset.Columns = stored.shape
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8 * stored.itemsize, bits, bits - 1
        dataset.PixelRepresentation = int(stored.dtype.kind == "i")
        for name, value in elements.items():
            setattr(dataset, name, value)
        dataset.PixelData = stored.tobytes()
        pydicom.dcmwrite(path, dataset, enforce_file_format=True)
        return path

    return write
