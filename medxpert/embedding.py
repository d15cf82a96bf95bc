"""From a trained encoder to what others open: embeddings, prompts, index and samples of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import PIL.Image
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from medxpert.data.stored import Stored
from medxpert.data.zero_shot import prompts
from medxpert.errors import DataError
from medxpert.folders import atomic_folder, seal, write_json
from medxpert.indexes.gallery import write_index
from medxpert.models.clip import CLIP
from medxpert.privacy import strictest
from medxpert.run import Run, write_embeddings
from medxpert.text import normalise
from medxpert.words import Index, Policy, Stage

INDEXED = "train"
"""The split that may serve as evidence."""
NUM_SAMPLES = 8
_NUM_NORMAL_SAMPLES = 2


class Vectors(NamedTuple):
    """Unit rows of the N studies of a split, as float16 [N, D]."""

    image: NDArray[np.float16]
    text: NDArray[np.float16]


def embed(model: CLIP, store: Stored, batch_size: int = 64) -> Vectors:
    """Embed a split in evaluation mode; a text that several studies share is encoded once.

    A study with several images gets the normalised mean of their rows.
    """
    return Vectors(embed_images(model, store, batch_size), embed_texts(model, store.cases.texts, batch_size))


def embed_images(model: CLIP, store: Stored, batch_size: int) -> NDArray[np.float16]:
    """Return one unit row per study, [N, D]."""
    flat = np.concatenate(store.image_rows)
    starts = np.cumsum([0, *(len(rows) for rows in store.image_rows[:-1])])
    rows = _encode(
        model, lambda part: model.encode_image(_tensor(model, store.pixels[part])), flat, batch_size, "images"
    )
    return _unit(np.add.reduceat(rows, starts)).astype(np.float16)


def films_of(store: Stored, most: int) -> NDArray[np.uint8]:
    """Return the first image of studies spread over a split, uint8 [N, S, S] with N at most `most`."""
    rows = _spread(len(store.image_rows), most)
    return np.stack([store.pixels[store.image_rows[row][0]] for row in rows.tolist()])


def encoding(model: CLIP, batch_size: int = 64) -> Callable[[NDArray[np.uint8]], NDArray[np.float32]]:
    """Return the function from pixels [N, S, S] to unit rows [N, D]."""

    def encode(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        rows = np.arange(len(pixels))
        return _encode(model, lambda part: model.encode_image(_tensor(model, pixels[part])), rows, batch_size, "films")

    return encode


def embed_texts(model: CLIP, texts: Sequence[str], batch_size: int) -> NDArray[np.float16]:
    """Return one unit row per text, [N, D]; texts equal after normalisation share one."""
    places: dict[str, int] = {}
    of = np.array([places.setdefault(normalise(text), len(places)) for text in texts])
    first = np.unique(of, return_index=True)[1]
    # similar lengths together, because a batch is padded to its longest text
    order = first[np.argsort([model.tokenizer.count(texts[row]) for row in first], kind="stable")]
    tokens = _encode(
        model,
        lambda part: model.encode_text(_tensor(model, model.tokenizer([texts[row] for row in part]))),
        order,
        batch_size,
        "texts",
    )
    return tokens[np.argsort(of[order])][of].astype(np.float16)


def _tensor(model: CLIP, array: NDArray) -> torch.Tensor:
    return torch.from_numpy(array).to(model.logit_scale.device)


@torch.inference_mode()
def _encode(
    model: CLIP,
    encode: Callable[[NDArray[np.int64]], torch.Tensor],
    rows: NDArray[np.int64],
    batch_size: int,
    what: str,
) -> NDArray[np.float32]:
    parts = [rows[start : start + batch_size] for start in range(0, len(rows), batch_size)]
    console = Console(stderr=True)
    steps: Iterable[NDArray[np.int64]] = track(parts, f"embedding {what}", console=console, transient=True)
    training = model.training
    model.eval()
    encoded = [encode(part).float().cpu().numpy() for part in steps]
    model.train(training)
    return np.concatenate(encoded)


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def embed_prompts(model: CLIP) -> NDArray[np.float16]:
    """Return for each observation the mean directions of the prompts that affirm and that deny it, [14, 2, D]."""
    sets = [sentences for pair in prompts() for sentences in pair]
    texts = [sentence for sentences in sets for sentence in sentences]
    rows = embed_texts(model, texts, batch_size=len(texts)).astype(np.float32)
    means = np.stack([part.mean(axis=0) for part in np.split(rows, np.cumsum([len(one) for one in sets])[:-1])])
    return _unit(means).reshape(len(sets) // 2, 2, -1).astype(np.float16)


@dataclass(frozen=True)
class Start:
    """What the weights knew before training.

    Attributes:
        stage: where they came from.
        vectors: rows by split.
        prompts: as `embed_prompts` returns them.
    """

    stage: Stage
    vectors: Mapping[str, Vectors]
    prompts: NDArray[np.float16]


def starting_point(model: CLIP, stores: Mapping[str, Stored]) -> Start:
    """Embed every split before the first step."""
    vectors = {split: embed(model, store) for split, store in stores.items()}
    return Start(model.stage, vectors, embed_prompts(model))


def start_on_disk(run: Run) -> Start:
    """Read back what `publish` wrote of the starting weights.

    Raises:
        DataError: a file is missing or damaged.
    """

    def rows(name: str) -> NDArray[np.float16]:
        path = run.path / name
        try:
            array: NDArray[np.float16] = np.load(path)
        except (OSError, ValueError) as error:
            raise DataError(f"{path} is missing or damaged; make the run again: python train.py") from error
        return array

    vectors = {
        split: Vectors(*(rows(f"embeddings/{split}/start_{side}.npy") for side in Vectors._fields))
        for split in run.splits()
    }
    return Start(run.provenance["starting_stage"], vectors, rows("prompts/start_prompts.npy"))


def publish(
    folder: Path, model: CLIP, stores: Mapping[str, Stored], start: Start, make_index: Callable[[], Index]
) -> dict[str, Vectors]:
    """Write what a run offers beside its checkpoints: model, embeddings, prompts, index and samples.

    Returns:
        The rows of every split.
    """
    policy = strictest([model.policy, *(store.policy for store in stores.values())])
    model.policy = policy
    with atomic_folder(folder / "model") as sibling:
        encoder = model.export(sibling)
    stamp = {"policy": policy, "encoder": encoder}
    vectors = {split: embed(model, store) for split, store in stores.items()}
    for split, store in stores.items():
        arrays = _named(vectors[split]) | _named(start.vectors.get(split), "start_")
        arrays["truncated"] = truncated(model, store.cases.texts)
        write_embeddings(folder / "embeddings" / split, arrays, store.cases_path, stamp)
    with atomic_folder(folder / "prompts") as sibling:
        np.save(sibling / "prompts.npy", embed_prompts(model))
        np.save(sibling / "start_prompts.npy", start.prompts)
        seal(sibling, stamp)
    write_index(folder / "index", make_index, vectors[INDEXED], stamp | {"split": INDEXED})
    write_samples(folder / "samples", stores["test"], policy)
    return vectors


def truncated(model: CLIP, texts: Sequence[str]) -> NDArray[np.bool_]:
    """Tell which of N texts are longer than the model reads, [N]."""
    return np.array([model.tokenizer.count(text) > model.tokenizer.context_length for text in texts])


def _named(vectors: Vectors | None, prefix: str = "") -> dict[str, NDArray]:
    return {f"{prefix}{name}": array for name, array in vectors._asdict().items()} if vectors else {}


def write_samples(folder: Path, store: Stored, policy: Policy) -> None:
    """Write up to 8 studies as PNG with what is known of them, so that every command has something to try."""
    with atomic_folder(folder) as sibling:
        truth = []
        for number, row in enumerate(sample_rows(store.cases.abnormal), start=1):
            name = f"sample_{number}.png"
            PIL.Image.fromarray(store.pixels[store.image_rows[row][0]]).save(sibling / name)
            truth.append({"file": name, **_known(store, row)})
        write_json(sibling / "truth.json", truth)
        seal(sibling, {"policy": policy})


def sample_rows(abnormal: NDArray[np.bool_]) -> list[int]:
    """Choose up to 8 rows, evenly spaced, two of them normal where there are such."""
    normal = np.flatnonzero(~abnormal)
    normal = normal[_spread(len(normal), _NUM_NORMAL_SAMPLES)]
    other = np.flatnonzero(abnormal)
    return sorted([*normal.tolist(), *other[_spread(len(other), NUM_SAMPLES - len(normal))].tolist()])


def _spread(count: int, wanted: int) -> NDArray[np.int64]:
    return np.unique(np.linspace(0, count - 1, min(count, wanted)).round().astype(np.int64))


def _known(store: Stored, row: int) -> dict[str, object]:
    cases = store.cases
    return {
        "study_id": cases.study_ids[row],
        "patient_id": cases.patient_ids[row],
        "text": cases.texts[row],
        "labels": cases.labels_of(row),
        "truth": cases.truths[row],
    }
