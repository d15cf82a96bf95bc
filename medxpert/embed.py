"""Make a run's embeddings, index and calibration again from its exported model: python -m medxpert.embed run=latest."""

from __future__ import annotations

from functools import partial

from omegaconf import DictConfig, OmegaConf

from medxpert.calibration.write import MOST_FILMS, write_calibration
from medxpert.config.build import build
from medxpert.config.command import command
from medxpert.embedding import encoding, films_of, publish, start_on_disk
from medxpert.errors import DataError
from medxpert.models.clip import open_model
from medxpert.resuming import read_config
from medxpert.run import open_run


@command("embed")
def main(cfg: DictConfig) -> None:
    """Read the run's own configuration, open its data, and publish again.

    Raises:
        DataError: the configuration is missing, or the data are no longer those of the run.
    """
    run = open_run(cfg.run)
    made_with = OmegaConf.create(read_config(run.path))
    model = open_model(run.model)
    data = build(
        made_with.loader, reader=build(made_with.data), tokenizer=model.tokenizer, image_side=model.image_side
    )()
    data.setup()
    changed = [split for split, name in run.provenance["stores"].items() if data.stores[split].fingerprint != name]
    if changed:
        raise DataError(
            f"the data of {run.path} changed since it was made ({', '.join(changed)}); bring back the files that "
            "config.yaml names, or make a new run: python train.py"
        )
    publish(run.path, model, data.stores, start_on_disk(run), partial(build, made_with.index))
    write_calibration(run, films_of(data.stores["val"], MOST_FILMS), encoding(model), made_with.seed)


if __name__ == "__main__":
    main()
