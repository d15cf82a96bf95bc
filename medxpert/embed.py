"""Make a run's embeddings and index again from its exported model: python -m medxpert.embed run=latest."""

from __future__ import annotations

from functools import partial

import yaml
from omegaconf import DictConfig, OmegaConf

from medxpert.config.build import build
from medxpert.config.command import command
from medxpert.embedding import publish, start_on_disk
from medxpert.models.clip import open_model
from medxpert.run import open_run


@command("embed")
def main(cfg: DictConfig) -> None:
    """Read the run's own configuration, open its data, and publish again."""
    run = open_run(cfg.run)
    made_with = OmegaConf.create(yaml.safe_load((run.path / "config.yaml").read_text(encoding="utf-8")))
    model = open_model(run.model)
    data = build(
        made_with.loader, reader=build(made_with.data), tokenizer=model.tokenizer, image_side=model.image_side
    )()
    data.setup()
    publish(run.path, model, data.stores, start_on_disk(run), partial(build, made_with.index))


if __name__ == "__main__":
    main()
