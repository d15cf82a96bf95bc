"""Several sources read as one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from medxpert.data.source import on_leak_of, source
from medxpert.errors import ConfigError
from medxpert.words import SPLITS, Reader, Rejected, Study

MAX_WEIGHT = 20.0


@source
def read(
    split: str,
    sources: Mapping[str, Reader] | None = None,
    weights: Mapping[str, float] | None = None,
) -> Iterator[Study | Rejected]:
    """Read all studies of all sources, source after source in the order in which they are named.

    Each study keeps its source and its policy. Study ids, and patient ids that are known, get the name of their source
    in front (`openi/CXR1`), so that equal ids of two sources stay apart. Leaks are looked for in the whole: set
    data.on_leak here, not on a source.

    From the command line, with a name of your own for each source:

        data=mix +data@data.sources.indiana=openi data.sources.indiana.root=/data/openi \
            +data@data.sources.nih=nih_cxr14 data.sources.nih.root=/data/nih data.weights.indiana=2

    Args:
        split: one of `SPLITS`.
        sources: name -> reader with its own arguments bound.
        weights: name -> how often training sees each study of that source in an epoch, above 0 and at most 20; 1 where
            nothing is said. It multiplies a weight that the source gave. Other splits are not weighted.

    Raises:
        ConfigError: there is no source, a weight is out of range or is for no source, or a source has an on_leak of
            its own.
        MedXpertError: whatever a source raises.
    """
    if split not in SPLITS:
        raise ConfigError(f"split: expected one of {', '.join(SPLITS)}, found {split!r}; change split")
    if not sources:
        raise ConfigError("data.sources is empty; add sources, such as +data@data.sources.indiana=openi")
    _check_names(sources, weights or {})
    items = {name: reader(split) for name, reader in sources.items()}
    factors = dict.fromkeys(sources, 1.0) | (dict(weights or {}) if split == "train" else {})
    return (_named(name, item, factors[name]) for name, own in items.items() for item in own)


def _check_names(sources: Mapping[str, Reader], weights: Mapping[str, float]) -> None:
    for name, weight in weights.items():
        if name not in sources:
            raise ConfigError(f"data.weights.{name}: there is no such source; the sources are {', '.join(sources)}")
        if not 0 < weight <= MAX_WEIGHT:
            raise ConfigError(f"data.weights.{name}={weight} must be above 0 and at most {MAX_WEIGHT:g}")
    for name, reader in sources.items():
        if on_leak_of(reader) is not None:
            raise ConfigError(f"data.sources.{name}.on_leak: leaks are looked for in the mix; set data.on_leak instead")
        if "/" in name:
            raise ConfigError(f"data.sources: the name {name!r} has a '/', which divides names from ids; change it")


def _named(name: str, item: Study | Rejected, factor: float) -> Study | Rejected:
    if isinstance(item, Rejected):
        return replace(item, where=f"{name}/{item.where}")
    return replace(
        item,
        study_id=f"{name}/{item.study_id}",
        patient_id=item.patient_id and f"{name}/{item.patient_id}",
        weight=item.weight * factor,
    )
