"""Make a run's embeddings, index and calibration again from its exported model, or add studies to its gallery.

$ python -m medxpert.embed run=latest
$ python -m medxpert.embed run=latest data=csv data.manifest=new.csv
"""

from __future__ import annotations

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from medxpert.config.command import command
from medxpert.config.settings import Settings
from medxpert.galleries.share import share_of


@command("embed")
def main(cfg: DictConfig) -> None:
    """Embed the run's own studies again, or others that `data=` names."""
    settings = Settings.of(cfg)
    share = share_of(None if cfg.part is None else str(cfg.part))
    from medxpert.indexing import index  # torch and all that fits a calibration; a help page needs none of it

    index(settings, share, HydraConfig.get().runtime.choices.get("data"))


if __name__ == "__main__":
    main()
