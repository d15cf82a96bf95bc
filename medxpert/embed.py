"""Make a run's embeddings, index and calibration again from its exported model, or add studies to its gallery.

$ python -m medxpert.embed run=latest
$ python -m medxpert.embed run=latest data=csv data.manifest=new.csv
"""

from __future__ import annotations

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from medxpert.config.command import command
from medxpert.config.settings import Settings
from medxpert.errors import ConfigError
from medxpert.galleries.share import share_of

_OF_ADDITIONS = {"splits": "train", "prefix": None, "max_rejected": 0.1}
"""Keys that mean nothing where no studies are added, and their usual values."""


@command("embed")
def main(cfg: DictConfig) -> None:
    """Embed the run's own studies again, or others that `data=` names."""
    settings = Settings.of(cfg)
    _check_keys(settings)
    share = share_of(None if cfg.part is None else str(cfg.part))
    from medxpert.run import open_run  # numpy, which a help page needs not

    run = open_run(settings.run)
    from medxpert.indexing import index  # torch and all that fits a calibration; a run that is none needs not wait

    index(run, settings, share, HydraConfig.get().runtime.choices.get("data"))


def _check_keys(cfg: Settings) -> None:
    adding = cfg.get("data") is not None
    given = [name for name, usual in _OF_ADDITIONS.items() if cfg[name] != usual]
    if given and not adding:
        raise ConfigError(f"{given[0]}= is about studies that are added; give data=, too, or leave it out")
    if adding and cfg.get("index") is not None:
        raise ConfigError("index= makes the whole index again, data= adds to the one there is; give one of the two")


if __name__ == "__main__":
    main()
