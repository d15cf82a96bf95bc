"""What every training notes beside its weights: configuration, rejected rows, what it was made with."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from medxpert.datamodule import DataModule
from medxpert.folders import atomic_file
from medxpert.provenance import environment
from medxpert.resuming import Job
from medxpert.words import Policy, Rejected


def write_config(folder: Path, config: Mapping[str, Any]) -> None:
    """Write the composed configuration, secrets left out."""
    with atomic_file(folder / "config.yaml") as sibling:
        sibling.write_text(yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True), encoding="utf-8")


def write_rejected(path: Path, rejected: Sequence[Rejected], policy: Policy) -> None:
    """List what was left out, and why."""
    with atomic_file(path) as sibling, sibling.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("where", "reason", "detail", "policy"))
        rows.writerows((item.where, item.reason, item.detail, policy) for item in rejected)


def provenance(job: Job, data: DataModule, steps: int, processes: int) -> dict[str, Any]:
    """Return what a run was made with."""
    return {
        **environment(),
        "seed": job.cfg.seed,
        "model": job.choices["model"],
        "data": job.choices["data"],
        "stores": {split: store.fingerprint for split, store in data.stores.items()},
        "studies": {split: len(store) for split, store in data.stores.items()},
        "rejected": len(data.rejected),
        "leaks": data.leaks,
        "steps": steps,
        "processes": processes,
    }
