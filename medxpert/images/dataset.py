"""Opening DICOM files. pydicom is imported when the first one is met.

Nothing that pydicom says about broken content is passed on: its messages and warnings quote header values.
"""

from __future__ import annotations

import importlib
import io
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from medxpert.images.errors import ImageError

if TYPE_CHECKING:
    from pydicom import FileDataset

SUFFIXES = (".dcm", ".dicom")
"""Under these names a DICOM may lack its preamble."""
_MAGIC, _MAGIC_AT = b"DICM", 128


def is_dicom(head: bytes | memoryview) -> bool:
    """Tell a DICOM file by its preamble."""
    return bytes(head[_MAGIC_AT : _MAGIC_AT + 4]) == _MAGIC


@contextmanager
def guarded(expected: str) -> Iterator[None]:
    """Turn whatever a parser or decoder raises on broken bytes into an `ImageError` without their content."""
    try:
        yield
    except ImageError:
        raise
    # pydicom and its decoders raise nearly every kind there is, and name values of the header
    except Exception as error:
        raise ImageError(f"expected {expected}, found broken data ({type(error).__name__})", "image broken") from None


def open_dataset(source: Path | bytes, force: bool, tags: Sequence[str] | None = None) -> FileDataset:
    """Read a DICOM file.

    Args:
        source: the file, or its bytes.
        force: read also what has no preamble.
        tags: read only these, and no pixels; None reads all.

    Raises:
        ImageError: this is no DICOM, or a broken one.
    """
    _quiet()
    from pydicom import dcmread

    with guarded("a DICOM file"):
        stream = source if isinstance(source, Path) else io.BytesIO(source)
        only = None if tags is None else list(tags)
        dataset = dcmread(stream, force=force, stop_before_pixels=tags is not None, specific_tags=only)
    with guarded("a DICOM file"):
        if "TransferSyntaxUID" not in dataset.file_meta:
            _assume_syntax(dataset)
    return dataset


def _assume_syntax(dataset: FileDataset) -> None:
    from pydicom import uid

    implicit, little = dataset.original_encoding
    plain = uid.ImplicitVRLittleEndian if implicit else uid.ExplicitVRLittleEndian
    dataset.file_meta.TransferSyntaxUID = plain if little else uid.ExplicitVRBigEndian


@cache
def _quiet() -> None:
    """Import pydicom and keep it from quoting patients' data in the log."""
    settings = importlib.import_module("pydicom.config")
    settings.settings.reading_validation_mode = settings.IGNORE
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module=r"pydicom\.|pylibjpeg|openjpeg|libjpeg")
