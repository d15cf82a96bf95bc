"""What a prepared folder holds.

`manifest.json`, written last, has options, splits, policy, and size and sha256 of every file; `data_report.json`, `.md`
and `.html` and `rejected.csv` are for people. Each split has a folder:

- `shard-00000.parquet`, ...: one row per study, its images, texts, labels, ids, split, source and policy;
- `cases.parquet`: what runs and evaluations know of each study, without the images;
- `reports.parquet`: what training draws its texts from;
- `images.npy`: one row per image, whose it is and where its bytes lie.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from medxpert.ontology import OBSERVATIONS

VERSION = 1
CASES, REPORTS, IMAGES = "cases.parquet", "reports.parquet", "images.npy"
TABLES = (CASES, REPORTS, IMAGES)
STUDIES_PER_GROUP = 64
"""A row group is what a streaming reader fetches at once: 1 to 2 MB at 256 px."""

Format = Literal["jpeg", "png"]
"""JPEG at quality 95, or PNG, which loses nothing."""

PLACES = np.dtype(
    [
        ("study", np.int64),
        ("shard", np.int32),
        ("group", np.int32),
        ("offset", np.int64),
        ("length", np.int64),
        ("view", "S12"),
        ("sha256", "V32"),
    ]
)
"""One image: its study's row in the split, the shard and row group it lies in, the place of its encoded bytes in the
shard's file, its view, and the digest of its pixels before they were encoded."""

_TEXTS = ("study_id", "patient_id", "source", "policy", "split", "findings", "impression", "text_kind", "truth")
_IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
_FIELDS = [
    *((name, pa.string()) for name in _TEXTS),
    ("weight", pa.float64()),
    ("labels", pa.list_(pa.int8(), len(OBSERVATIONS))),
    ("views", pa.list_(pa.string())),
    ("images", pa.list_(_IMAGE)),
]
BYTES = "images.list.element.bytes"
"""The parquet column of the encoded images."""


def _features() -> Mapping[str, Any]:
    """Say in the words of the `datasets` library what the columns are, so that it shows pictures."""
    text = {"dtype": "string", "_type": "Value"}
    return {
        **dict.fromkeys(_TEXTS, text),
        "weight": {"dtype": "float64", "_type": "Value"},
        "labels": {"feature": {"dtype": "int8", "_type": "Value"}, "length": len(OBSERVATIONS), "_type": "List"},
        "views": {"feature": text, "_type": "List"},
        "images": {"feature": {"_type": "Image"}, "_type": "List"},
    }


SCHEMA = pa.schema(_FIELDS, metadata={"huggingface": json.dumps({"info": {"features": _features()}})})
"""The columns of a shard. `patient_id` is "" where nobody knows it, `truth` JSON or null; the images of a study stand
frontal first, and their `path` is where each came from."""


def shard_name(number: int) -> str:
    """Return the file name of a split's shard, from 0."""
    return f"shard-{number:05d}.parquet"
