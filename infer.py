"""Find cases like an image, or cases that fit a text, and draft a report from them.

$ python infer.py image=outputs/latest/samples/sample_1.png
$ python infer.py "query=large left pleural effusion, no pneumothorax" top_k=10 output=answers
"""

import os

from medxpert.config.command import command
from medxpert.config.settings import Settings


@command("infer", plain=True)
def main(cfg: Settings) -> None:
    """Answer one query and show what was found."""
    if cfg.images is None:
        # numpy is not loaded yet; one image gains nothing from threads that wait for one another
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from medxpert.answering import answer

    answer(cfg)


if __name__ == "__main__":
    main()
