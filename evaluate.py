"""Measure a run on one split, beside chance, the starting weights and baselines.

$ python evaluate.py
$ python evaluate.py run=outputs/my-run split=val
"""

from omegaconf import DictConfig

from medxpert.config.command import command


@command("evaluate")
def main(cfg: DictConfig) -> None:
    """Print the tables and write figures, plots and page into the run."""
    from medxpert.measuring import measure

    measure(cfg)


if __name__ == "__main__":
    main()
