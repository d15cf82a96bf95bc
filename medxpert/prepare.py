"""Prepare a data set: verified shards and a data report.

$ python -m medxpert.prepare data=mimic_cxr data.images=mimic-cxr-jpg data.reports=mimic-cxr-reports.zip output=shards
"""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig

from medxpert.config.build import build, resolve
from medxpert.config.command import command
from medxpert.errors import ConfigError
from medxpert.folders import read_json


@command("prepare")
def main(cfg: DictConfig) -> None:
    """Prepare the configured data, then show the data report.

    Raises:
        ConfigError: there is no output.
    """
    # pyarrow and the word lists are not loaded for a help page
    from medxpert.data.source import on_leak_of
    from medxpert.preparation.build import Storage
    from medxpert.preparation.prepare import prepare
    from medxpert.preparation.report import tables_of
    from medxpert.tables.console import show

    if not cfg.output:
        raise ConfigError("output= is missing; say where the shards go, such as output=shards")
    if not 0 <= cfg.max_rejected <= 1:
        raise ConfigError(f"max_rejected={cfg.max_rejected} lies outside [0, 1]")
    storage = Storage(cfg.side, cfg.format, cfg.shard_mb)
    options = resolve(cfg)
    made_of = {f"data.{name}": value for name, value in options["data"].items()}
    made_of |= {name: options[name] for name in ("side", "format", "shard_mb")}
    reader = build(cfg.data)
    paths = prepare(reader, storage, Path(cfg.output), made_of, on_leak_of(reader), cfg.max_rejected)
    report = read_json(paths[0])
    policy = report["provenance"]["policy"]
    show(tables_of(report), policy, [str(path) for path in paths], details=False)


if __name__ == "__main__":
    main()
