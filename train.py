"""Fine-tune a CLIP or a captioner on radiographs and reports, and make the run that the other commands open.

$ python train.py
$ python train.py model=clip_b32 data=csv data.manifest=pairs.csv trainer.devices=2
$ python train.py -m optimizer.lr=1e-3,3e-4
$ python train.py model=blip_tiny
$ python train.py sweep=optuna 'optimizer.lr=tag(log,interval(1e-5,1e-2))'
"""

from omegaconf import DictConfig

from medxpert.config.command import command


@command("train")
def main(cfg: DictConfig) -> None:
    """Train, export and measure what the model's recipe names."""
    from medxpert.config.chain import chain_of

    chain_of(cfg)(cfg)


if __name__ == "__main__":
    main()
