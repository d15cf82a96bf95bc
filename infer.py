"""Find cases like an image, or cases that fit a text, and draft a report from them.

$ python infer.py image=outputs/latest/samples/sample_1.png
$ python infer.py "query=large left pleural effusion, no pneumothorax" top_k=10 output=answers
"""

from omegaconf import DictConfig

from medxpert.config.command import command


@command("infer")
def main(cfg: DictConfig) -> None:
    """Answer one query and show what was found."""
    from medxpert.answering import answer

    answer(cfg)


if __name__ == "__main__":
    main()
