"""The runs that the row `cold_start` asks: a ViT-B/32 with random weights over galleries of three sizes.

$ python experiments/speed/answer_run.py    # built once, a few minutes on 2 cores; kept under MEDXPERT_CACHE, 3 GB

Weights, films, abstention and calibration are made by the code that a training run ends with. Only the rows of the
gallery are drawn, around those of films that were rendered and encoded: how long an answer takes does not depend on
where they lie.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from medxpert.cases import write_cases
from medxpert.data.decoding import thumbnail
from medxpert.data.readers.phantom import read
from medxpert.data.rows import case_row
from medxpert.data.store import default_cache
from medxpert.folders import atomic_folder, seal, write_json
from medxpert.indexes.flat import FlatIndex
from medxpert.indexes.writing import DEFAULT_MATCH, side_rows, write_index
from medxpert.models.architecture import Architecture, Transformer, published_architecture
from medxpert.run import Run, finish_run, write_embeddings
from medxpert.words import SPLITS

if TYPE_CHECKING:
    from medxpert.models.clip import CLIP

NAME = "ViT-B-32-quickgelu"
TINY = Architecture("tiny", 64, 16, 64, Transformer(128, 2, 2), Transformer(128, 2, 2), activation="quick_gelu")
_VERSION = 1
_SEED = 0
BOTH = "both.npy"
"""Of a run: the rows float32 [N, D] that an answer is looked up among, for a script that knows no index of ours."""
_NUM_FILMS = 8
_FITTED_ON = 2000
"""Training studies of the calibration; fitting it on more changes nothing that is timed."""


class Size(NamedTuple):
    """How large a set is."""

    films: int
    """Rendered and encoded, of training and of validation each."""
    per_family: int
    """Outsiders that abstention is fitted with."""
    galleries: tuple[int, ...]
    """Studies of each run; the second one is the row's own."""


FULL = Size(120, 8, (10_000, 30_000, 90_000))
QUICK = Size(24, 2, (50, 100, 200))


class Sides(NamedTuple):
    """Unit rows [N, D] of the images and of the texts of N studies."""

    image: NDArray[np.float16]
    text: NDArray[np.float16]


@dataclass(frozen=True)
class _Picture:
    """What the cases table holds of a film."""

    thumbnail: bytes
    sha256: str
    path: str = ""


class Asked(NamedTuple):
    """What is asked, and where both sides find it."""

    runs: dict[int, Path]
    """Studies of the gallery -> run."""
    checkpoint: Path
    """The same weights as a training script saves them, under open_clip's names."""
    films: tuple[Path, ...]
    """That are asked about; they lie in no gallery."""


def asked(quick: bool) -> Asked:
    """Return the runs, built where they are not there yet."""
    size = QUICK if quick else FULL
    folder = default_cache() / f"speed-answers-{_VERSION}-{'quick' if quick else 'full'}"
    if not folder.is_dir():
        with atomic_folder(folder) as sibling:
            _build(sibling, size, quick)
    films = tuple(sorted((folder / "films").glob("*.png")))
    return Asked({count: folder / str(count) for count in size.galleries}, folder / "last.ckpt", films)


def _build(folder: Path, size: Size, tiny: bool) -> None:
    from medxpert.embedding import encoding

    model = _model(folder, tiny)
    encode, side = encoding(model), model.architecture.image_side
    encoder = model.export(folder / "model")
    studies = {split: list(islice(read(split, num_studies=20 * size.films, side=side), size.films)) for split in SPLITS}
    films = {split: np.stack([study.images[0].read() for study in some]) for split, some in studies.items()}
    (folder / "films").mkdir()
    for number, film in enumerate(films["test"][:_NUM_FILMS]):
        PIL.Image.fromarray(film).save(folder / "films" / f"film_{number}.png")
    around = {split: encode(films[split]) for split in ("train", "val")}
    writer = _Writer(folder / "model", encoder, films["train"], around)
    writer.write(folder / "fitted", min(_FITTED_ON, size.galleries[0]))
    _calibrate(folder / "fitted", model, films["val"], encode, size.per_family, encoder)
    for count in size.galleries:
        writer.write(folder / str(count), count)
        shutil.copytree(folder / "fitted" / "calibration", folder / str(count) / "calibration")
    shutil.rmtree(folder / "fitted")


def _model(folder: Path, tiny: bool) -> CLIP:
    """Draw weights, keep them as a training script does, and open them as ours."""
    import open_clip
    import torch

    from medxpert.models.clip import NOTHING_FROZEN, build

    torch.manual_seed(_SEED)
    if tiny:
        write_json(folder / f"{TINY.name}.json", _stock_config(TINY))
        open_clip.add_model_config(folder)
    architecture = TINY if tiny else published_architecture(NAME)
    state = open_clip.create_model(architecture.name).state_dict()
    torch.save({"state_dict": {f"model.{name}": tensor for name, tensor in state.items()}}, folder / "last.ckpt")
    torch.save(state, folder / "weights.pt")
    model = build(architecture, str(folder / "weights.pt"), NOTHING_FROZEN)
    (folder / "weights.pt").unlink()
    return model.eval()


def _stock_config(size: Architecture) -> dict[str, object]:
    """Describe a small ViT as open_clip does."""
    text = size.text
    seen = {"image_size": size.image_side, "patch_size": size.patch, "layers": 2, "width": 128, "head_width": 64}
    said = {"context_length": 77, "vocab_size": size.vocab_size, "layers": text.blocks, "width": text.width, "heads": 2}
    return {"embed_dim": size.embed_dim, "quick_gelu": True, "vision_cfg": seen, "text_cfg": said}


@dataclass(frozen=True)
class _Writer:
    """Writes runs of one model, as training ends with them.

    Attributes:
        model: its folder, linked into each run.
        encoder: its fingerprint.
        films: whose thumbnails the cases show.
        around: split -> rows [M, D] of films, around which rows are drawn.
    """

    model: Path
    encoder: str
    films: NDArray[np.uint8]
    around: dict[str, NDArray[np.float32]]

    def write(self, folder: Path, count: int) -> None:
        """Write a run with `count` training studies."""
        (folder / "model").mkdir(parents=True)
        for file in self.model.iterdir():
            os.link(file, folder / "model" / file.name)
        stamp = {"policy": "open", "encoder": self.encoder}
        sides = {"train": self._split(folder, "train", count, stamp)}
        self._split(folder, "val", len(self.films), stamp)
        write_index(folder / "index", FlatIndex, sides["train"], stamp | {"split": "train"})
        np.save(folder / BOTH, np.asarray(side_rows(sides["train"], DEFAULT_MATCH), np.float32))
        provenance = {"policy": "open", "stage": "untrained", "starting_stage": "untrained", "seed": _SEED}
        finish_run(folder, provenance)

    def _split(self, folder: Path, split: str, count: int, stamp: dict[str, str]) -> Sides:
        rng = np.random.default_rng([_SEED, count, split == "val"])
        image = _drawn(self.around[split], count, rng)
        sides = Sides(image, _drawn(image[: len(self.films)].astype(np.float32), count, rng, spread=0.5))
        cases = folder / f"{split}.parquet"
        write_cases(cases, self._rows(split, count, rng))
        write_embeddings(folder / "embeddings" / split, sides._asdict(), cases, stamp)
        cases.unlink()
        return sides

    def _rows(self, split: str, count: int, rng: np.random.Generator) -> Iterator[dict[str, object]]:
        shown = [thumbnail(film) for film in self.films]
        share = {"train": 0.7, "val": 0.06}[split]
        drawn = islice(read(split, num_studies=int(count / share) + 50), count)
        for row, study in enumerate(drawn):
            picture = _Picture(shown[row % len(shown)], rng.bytes(32).hex())
            yield case_row(study, picture, "longest", split, row, 1)


def _drawn(
    around: NDArray[np.floating], count: int, rng: np.random.Generator, spread: float = 1.0
) -> NDArray[np.float16]:
    """Draw unit rows [count, D] around given ones, as far from them as they are from each other."""
    noise = rng.standard_normal((count, around.shape[1]), dtype=np.float32) * around.std(axis=0) * spread
    rows = around[rng.integers(len(around), size=count)] + noise
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)


def _calibrate(
    folder: Path,
    model: CLIP,
    films: NDArray[np.uint8],
    encode: Callable[[NDArray[np.uint8]], NDArray[np.floating]],
    per_family: int,
    encoder: str,
) -> None:
    """Fit what a run's calibration holds, abstention with fewer outsiders than a real run's."""
    from medxpert.abstention import stored as stored_abstention
    from medxpert.abstention.fitting import build_outsiders, fit
    from medxpert.calibration.fit import calibrate
    from medxpert.embedding import embed_prompts
    from medxpert.evidence import stored

    fitted = calibrate(Run(folder), embed_prompts(model))
    abstainer = fit(encode(films), films, build_outsiders(films, encode, per_family))
    with atomic_folder(folder / "calibration") as sibling:
        stored.write(sibling, fitted.calibration, fitted.facts)
        stored_abstention.write(sibling, abstainer)
        seal(sibling, {"encoder": encoder, "policy": "open"})


if __name__ == "__main__":
    asked(quick="quick" in sys.argv[1:])
